import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../../src/kernels/backend';
import { type KernelCall, RELU, type Slot } from '../../../src/kernels/kernel';
import { i32, v128 } from '../../../src/kernels/wasm/assembler';
import { openWasm } from '../../../src/kernels/wasm/backend';
import { singleFunction } from '../../../src/kernels/wasm/job';
import { Memory } from '../../../src/kernels/wasm/memory';
import { Modules } from '../../../src/kernels/wasm/modules';
import { grainOf, Threads } from '../../../src/kernels/wasm/threads';
import { random } from '../../../src/tensor/random';

const test = suite('wasm threads');

/** Three layers large enough to be split: convolution with everything, pooling, matrix product. */
function network(backend: Backend) {
  const { normal } = random(5);
  const slots: Slot[] = [];
  const filled = (length: number) => {
    const slot = backend.allocate(length);
    backend.write(slot, Float32Array.from({ length }, normal));
    slots.push(slot);
    return slot;
  };
  const [filter, bias, right] = [filled(9 * 32 * 64), filled(64), filled(8 * 9 * 64 * 100)];
  const [input, residual] = [filled(2 * 17 * 19 * 32), filled(2 * 17 * 19 * 64)];
  const [convolved, pooled, output] = [filled(2 * 17 * 19 * 64), filled(2 * 8 * 9 * 64), filled(200)];
  const window = { batch: 2, height: 17, width: 19, strideY: 1, strideX: 1, top: 1, left: 1 };
  const calls: KernelCall[] = [
    {
      kernel: 'conv2d',
      inputs: { input, filter, bias, residual },
      outputs: { output: convolved },
      attributes: {
        ...{ ...window, outHeight: 17, outWidth: 19, filterHeight: 3, filterWidth: 3 },
        ...{ inChannels: 32, outChannels: 64, activation: RELU },
      },
    },
    {
      kernel: 'maxPool2d',
      inputs: { input: convolved },
      outputs: { output: pooled },
      attributes: {
        ...{ ...window, strideY: 2, strideX: 2, top: 0, left: 0, filterHeight: 2, filterWidth: 2 },
        ...{ outHeight: 8, outWidth: 9, channels: 64 },
      },
    },
    {
      kernel: 'matmul',
      inputs: { left: pooled, right, bias: undefined },
      outputs: { output },
      attributes: {
        rows: 2,
        inner: 8 * 9 * 64,
        columns: 100,
        transposeLeft: false,
        transposeRight: false,
        activation: RELU,
      },
    },
  ];
  const constants = new Set([filter, bias, right]);
  return { calls, constants, output, slots };
}

test('1, 2 and 3 threads give the same bits, eager and prepared, run after run', async () => {
  // A prepared program may compute a layer in another way (Winograd's), so that each is compared with its like.
  const eager: Float32Array[] = [];
  const prepared: Float32Array[] = [];
  for (const threads of [1, 2, 3]) {
    const backend = await openWasm({ threads });
    assert.match(backend.description, threads === 1 ? '1 thread' : `${threads} threads`);
    const { calls, constants, output, slots } = network(backend);
    for (const call of calls) backend.run(call);
    eager.push(Float32Array.from(await backend.read(output)));
    const program = await backend.prepare(calls, constants);
    for (let k = 0; k < 50; k++) {
      backend.write(output, new Float32Array(200).fill(Number.NaN));
      program.run();
      if (k % 10 === 0) prepared.push(Float32Array.from(await backend.read(output)));
    }
    program.free();
    assert.throws(() => program.run(), /after it was freed/);
    for (const slot of slots) backend.free(slot);
    assert.is(backend.liveBytes, 0);
    await backend.close();
  }
  for (const results of [eager, prepared]) {
    const [first, ...others] = results.map((result) => [...new Uint32Array(result.buffer)]);
    for (const other of others) assert.equal(other, first);
  }
  prepared[0].forEach((value, k) => {
    assert.ok(Math.abs(value - eager[0][k]) < 1e-4 * Math.max(...eager[0].map(Math.abs)));
  });
});

test('a small job is not split, a large one into several pieces a thread', () => {
  assert.is(grainOf(100, 1000, 2), 100);
  assert.is(grainOf(100, 1e9, 1), 100);
  assert.is(grainOf(100, 1e9, 2), 13);
  assert.is(grainOf(3, 1e9, 2), 1);
});

test('an error on a thread comes out as an exception, and the threads go on', async () => {
  const outside = singleFunction('reads outside the memory', ({ f, first, end }) => {
    const bad = f.parameter('i32');
    f.forRange(first, end, 1, (piece) => {
      const address = f.let(i32.mul(piece, bad));
      f.store(4096, v128.load(address, 0x7fffffff));
    });
  });
  const memory = new Memory(true);
  const threads = await Threads.start(memory, 2);
  const module = new Modules(memory, true).get(outside);
  const job = { module, run: module.run, arguments: [0x7fffff], pieces: 64, grain: 1 };
  for (let k = 0; k < 3; k++) assert.throws(() => threads.run([job]), /out of bounds/);
  threads.close();
});

test('code that a worker cannot compile is an exception too', async () => {
  const memory = new Memory(true);
  const threads = await Threads.start(memory, 2);
  // The caller's copy works (slowly, so that the worker surely comes in time); the bytes for the worker are nonsense.
  const address = memory.allocateBytes(64);
  const module = { id: 1, users: 0, address, bytes: new Uint8Array(64), run: () => busy(5) };
  const job = { module, run: module.run, arguments: [], pieces: 20, grain: 1 };
  assert.throws(() => threads.run([job]), /a worker has failed: CompileError/);
  threads.close();
});

const busy = (milliseconds: number) => {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
};

test('the memory may grow between two runs', async () => {
  const backend = await openWasm({ threads: 2 });
  for (let k = 0; k < 4; k++) {
    const slot = backend.allocate(6_000_000 * (k + 1));
    backend.write(slot, new Float32Array(slot.length).fill(2));
    const target = backend.allocate(slot.length);
    backend.run({
      kernel: 'scale',
      inputs: { input: slot },
      outputs: { output: target },
      attributes: { length: slot.length, factor: 3, offset: k },
    });
    const numbers = await backend.read(target);
    assert.ok(numbers.every((value) => value === 6 + k));
  }
  await backend.close();
});

test.run();
