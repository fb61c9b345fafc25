import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { KernelCall, Slot } from '../../../src/kernels/kernel';
import { openWebgpu } from '../../../src/kernels/webgpu/backend';
import { candidates } from '../../../src/kernels/webgpu/candidates';
import { openTestGpu, openTestGpuAlone, requestTestDevice } from '../../helpers/gpu';
import { assertClose, rejection } from '../../helpers/numbers';

const test = suite('profiles on WebGPU');

const scale = (input: Slot, output: Slot, length = input.length): KernelCall<'scale'> => ({
  kernel: 'scale',
  inputs: { input },
  outputs: { output },
  attributes: { length, factor: 2, offset: 1 },
});

test('calls and programs, each with its time, and the numbers as without a profile', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  const [small, large] = [2 ** 8, 2 ** 22].map((length) => ({
    input: backend.allocate(length),
    output: backend.allocate(length),
  }));
  // Two dispatches: the sum over all rows goes through parts.
  const sums: KernelCall = {
    kernel: 'channelSums',
    inputs: { input: large.input },
    outputs: { output: backend.allocate(1) },
    attributes: { length: 2 ** 22, channels: 1 },
  };
  backend.write(small.input, new Float32Array(2 ** 8).fill(3));
  backend.write(large.input, new Float32Array(2 ** 22).fill(1));
  const calls = [scale(small.input, small.output), scale(large.input, large.output), sums];
  const program = await backend.prepare(calls, new Set());
  const alone = scale(small.input, small.output);

  const { calls: profiled, submits } = await backend.profile(() => {
    program.run();
    backend.run(alone);
    program.run();
  });
  assert.equal(
    profiled.map(({ call }) => call),
    [...calls, alone, ...calls],
  );
  assert.equal(
    profiled.map(({ shaders }) => shaders.length),
    [1, 1, 2, 1, 1, 1, 2],
  );
  assert.is(submits, 1);
  assert.is(backend.features.timestamps, backend.device.features.has('timestamp-query'));
  for (const { milliseconds } of profiled)
    assert.ok(
      backend.features.timestamps ? milliseconds !== undefined && milliseconds >= 0 : milliseconds === undefined,
    );
  // Sixteen thousand times the numbers take longer on whatever device.
  if (backend.features.timestamps) assert.ok((profiled[1].milliseconds ?? 0) > (profiled[0].milliseconds ?? 0));
  assert.equal([...(await backend.read(sums.outputs.output))], [2 ** 22]);
  assert.is((await backend.read(small.output))[255], 7);
  await backend.close();
});

test('outside of a profile dispatches share a pass', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  const slots = [backend.allocate(4), backend.allocate(4)];
  backend.write(slots[0], [1, 2, 3, 4]);
  await backend.profile(() => backend.run(scale(slots[0], slots[1])));
  let passes = 0;
  const { createCommandEncoder } = backend.device;
  Object.defineProperty(backend.device, 'createCommandEncoder', {
    configurable: true,
    value(...descriptors: []) {
      const encoder = createCommandEncoder.apply(backend.device, descriptors);
      const { beginComputePass } = encoder;
      Object.defineProperty(encoder, 'beginComputePass', {
        value(...described: Parameters<typeof beginComputePass>) {
          passes++;
          return beginComputePass.apply(encoder, described);
        },
      });
      return encoder;
    },
  });
  backend.run(scale(slots[0], slots[1]));
  backend.run(scale(slots[1], slots[0]));
  await backend.read(slots[0]);
  Reflect.deleteProperty(backend.device, 'createCommandEncoder');
  assert.is(passes, 1);
  await backend.close();
});

test('one at a time, and work that fails leaves none under way', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  const failing = backend.profile(async () => {
    assert.match(String(await rejection(backend.profile(() => {}))), /already being made/);
    throw new Error('the work failed');
  });
  assert.match(String(await rejection(failing)), /the work failed/);
  assert.equal((await backend.profile(() => {})).calls, []);
  await backend.close();
});

test('a device without timestamps: what ran is told, not how long', async () => {
  const device = await requestTestDevice();
  if (!device) return;
  const backend = await openWebgpu({ device });
  assert.not(backend.features.timestamps);
  const [input, output] = [backend.allocate(4), backend.allocate(4)];
  const { calls, submits } = await backend.profile(() => backend.run(scale(input, output)));
  assert.equal([calls.length, calls[0].milliseconds, submits], [1, undefined, 1]);
  await backend.close();
  device.destroy();
});

test('a tile table: what it names is used, and gives the same numbers', async () => {
  const call = (left: Slot, right: Slot, output: Slot): KernelCall<'matmul'> => ({
    kernel: 'matmul',
    inputs: { left, right },
    outputs: { output },
    attributes: {
      ...{ rows: 40, inner: 8, columns: 40, transposeLeft: false, transposeRight: false },
      activation: { slope: 1, ceiling: Number.POSITIVE_INFINITY },
    },
  });
  const all = candidates(call({ length: 320 }, { length: 320 }, { length: 1600 }));
  assert.is(new Set(all.map(({ tile }) => tile)).size, all.length);
  const owner = await openTestGpuAlone();
  if (!owner) return;
  const { device } = owner;
  const products: number[][] = [];
  // Two that a software GPU compiles in a second; the last is what the rule of thumb chooses.
  for (const { tile, dispatches } of [all[3], all[4]]) {
    const asked: string[] = [];
    const backend = await openWebgpu({
      device,
      tiles: async (adapter) => {
        asked.push(adapter);
        return new Map([['matmul 40x8, 8x40', tile]]);
      },
    });
    assert.equal(asked, [backend.description]);
    const slots = [320, 320, 1600].map((length) => backend.allocate(length));
    for (const slot of slots)
      backend.write(
        slot,
        Float32Array.from({ length: slot.length }, (_, i) => (i % 7) - 3),
      );
    const [left, right, output] = slots;
    const one = call(left, right, output);
    const constants: unknown[] = [];
    const { createComputePipeline } = device;
    Object.defineProperty(device, 'createComputePipeline', {
      configurable: true,
      value(descriptor: GPUComputePipelineDescriptor) {
        constants.push(descriptor.compute.constants);
        return createComputePipeline.call(device, descriptor);
      },
    });
    backend.run(one);
    Reflect.deleteProperty(device, 'createComputePipeline');
    assert.equal(
      constants,
      dispatches.map((dispatch) => dispatch.constants),
    );
    products.push([...(await backend.read(output))]);
    const chosen = candidates(one).find((candidate) => candidate.tile === tile);
    const program = await backend.prepareDispatches(chosen?.dispatches ?? []);
    program.run();
    assertClose(await backend.read(output), products[0], 1e-6);
    program.free();
    await backend.close();
  }
  await owner.close();
  assertClose(products[0], products[1], 1e-6);
});

test.run();
