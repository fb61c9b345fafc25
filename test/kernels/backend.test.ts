import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../src/kernels/backend';
import type { KernelCall, Slot } from '../../src/kernels/kernel';
import { testOnEachDevice } from '../helpers/devices';
import { rejection } from '../helpers/numbers';

const test = suite('the seam');

const double = (input: Slot, output: Slot, length: number): KernelCall<'scale'> => ({
  kernel: 'scale',
  inputs: { input },
  outputs: { output },
  attributes: { length, factor: 2, offset: 0 },
});

function filled(backend: Backend, values: ArrayLike<number>): Slot {
  const slot = backend.allocate(values.length);
  backend.write(slot, values);
  return slot;
}

const numbersOf = async (backend: Backend, slot: Slot) => [...(await backend.read(slot))];

testOnEachDevice(test, 'allocate, write, read, free; live bytes count along', async (backend) => {
  const before = backend.liveBytes;
  const width = backend.name === 'reference' ? 8 : 4;
  const values = Float32Array.from([1, -2, 3.5]);
  const slot = filled(backend, values);
  values.fill(0); // what was written was copied
  assert.is(slot.length, 3);
  assert.is(backend.liveBytes - before, 3 * width);
  const other = backend.allocate(1000);
  assert.is(backend.liveBytes - before, 1003 * width);
  assert.equal(await numbersOf(backend, slot), [1, -2, 3.5]);
  backend.free(other);
  backend.free(slot);
  assert.is(backend.liveBytes, before);
});

testOnEachDevice(test, 'plain arrays, float64 and shared memory can be written', async (backend) => {
  const shared = new Float32Array(new SharedArrayBuffer(8));
  shared.set([5, 6]);
  for (const values of [[5, 6], new Float64Array([5, 6]), new Uint8Array([5, 6]), shared]) {
    const slot = filled(backend, values);
    assert.equal(await numbersOf(backend, slot), [5, 6]);
    backend.free(slot);
  }
});

testOnEachDevice(test, 'a slot of nothing', async (backend) => {
  const slot = filled(backend, []);
  assert.is((await backend.read(slot)).length, 0);
  backend.free(slot);
});

testOnEachDevice(test, 'writes and copies with offsets touch what they name and no more', async (backend) => {
  const length = 8;
  const inside = fc.nat(length).chain((offset) => fc.tuple(fc.constant(offset), fc.nat(length - offset)));
  await fc.assert(
    fc.asyncProperty(inside, inside, fc.nat(length), async ([fromOffset, room], [toOffset, toRoom], writeOffset) => {
      const count = Math.min(room, toRoom);
      const from = Array.from({ length }, (_, i) => i + 1);
      const to = new Array<number>(length).fill(-1);
      const slots = [filled(backend, from), filled(backend, to)];
      backend.copy(slots[0], slots[1], { length: count, fromOffset, toOffset });
      backend.write(slots[0], [100, 200].slice(0, length - writeOffset), writeOffset);
      to.splice(toOffset, count, ...from.slice(fromOffset, fromOffset + count));
      from.splice(writeOffset, 2, ...[100, 200].slice(0, length - writeOffset));
      assert.equal(await numbersOf(backend, slots[1]), to);
      assert.equal(await numbersOf(backend, slots[0]), from);
      for (const slot of slots) backend.free(slot);
    }),
    { numRuns: 40 },
  );
});

testOnEachDevice(test, 'what reaches beyond a slot is refused and changes nothing', async (backend) => {
  const slot = filled(backend, [1, 2, 3]);
  const other = filled(backend, [4, 5]);
  assert.throws(() => backend.write(slot, [7, 7], 2));
  assert.throws(() => backend.write(slot, [7], -1));
  assert.throws(() => backend.copy(other, slot, { length: 2, toOffset: 2 }));
  assert.throws(() => backend.copy(slot, other, { length: 3 }));
  // Reference copies what there is of it.
  assert.throws(() => backend.copy(slot, other, { length: 2, fromOffset: 2 }));
  assert.equal(await numbersOf(backend, slot), [1, 2, 3]);
  assert.equal(await numbersOf(backend, other), [4, 5]);
  backend.free(slot);
  backend.free(other);
});

testOnEachDevice(test, 'writes, copies, calls and reads happen in the order they are made', async (backend) => {
  const [a, b, c] = [filled(backend, [1, 2]), backend.allocate(2), backend.allocate(2)];
  backend.run(double(a, b, 2)); // b = 2 4
  const first = backend.read(b);
  backend.write(a, [10, 20]);
  backend.copy(a, c, { length: 2 }); // c = 10 20
  backend.run(double(c, b, 2)); // b = 20 40
  const second = backend.read(b);
  backend.copy(b, a, { length: 1, fromOffset: 1 }); // a = 40 20
  backend.write(b, [0, 0]);
  backend.run(double(a, c, 2)); // c = 80 40
  const third = backend.read(c);
  backend.write(c, [0, 0]);
  for (const slot of [a, b, c]) backend.free(slot);
  const next = filled(backend, [7, 7]); // may lie where one of them was
  assert.equal([...(await third)], [80, 40]);
  assert.equal([...(await second)], [20, 40]);
  assert.equal([...(await first)], [2, 4]);
  backend.free(next);
});

testOnEachDevice(test, 'many calls, one after the other', async (backend) => {
  const slots = [filled(backend, [1]), backend.allocate(1)];
  for (let k = 0; k < 100; k++) {
    backend.run(double(slots[k % 2], slots[(k + 1) % 2], 1));
    if (k % 20 === 19) backend.write(slots[(k + 1) % 2], [1]);
  }
  assert.equal(await numbersOf(backend, slots[0]), [1]);
  backend.run(double(slots[0], slots[1], 1));
  assert.equal(await numbersOf(backend, slots[1]), [2]);
  for (const slot of slots) backend.free(slot);
});

testOnEachDevice(test, 'a program can be replayed on new numbers, and freed', async (backend) => {
  const before = backend.liveBytes;
  const [a, b, c] = [filled(backend, [1, 2]), backend.allocate(2), backend.allocate(2)];
  const program = await backend.prepare([double(a, b, 2), double(b, c, 2)], new Set());
  program.run();
  assert.equal(await numbersOf(backend, c), [4, 8]);
  backend.write(a, [3, 4]);
  program.run();
  const reading = backend.read(c);
  backend.write(a, [0, 0]);
  program.run();
  assert.equal([...(await reading)], [12, 16]);
  assert.equal(await numbersOf(backend, c), [0, 0]);
  program.free();
  for (const slot of [a, b, c]) backend.free(slot);
  assert.is(backend.liveBytes, before);
});

testOnEachDevice(test, 'a program can be given other scalars, which earlier runs do not see', async (backend) => {
  const [a, b, c] = [filled(backend, [1, 2]), backend.allocate(2), backend.allocate(2)];
  const scaled = (input: Slot, output: Slot, factor: number, length = 2): KernelCall => ({
    kernel: 'scale',
    inputs: { input },
    outputs: { output },
    attributes: { length, factor, offset: 1 },
  });
  const program = await backend.prepare([scaled(a, b, 2), scaled(b, c, 3)], new Set());
  program.run();
  const reading = backend.read(c);
  program.run();
  program.change(new Map([[1, scaled(b, c, -1)]]));
  program.change(new Map([[0, scaled(a, b, 10)]]));
  program.run();
  assert.equal([...(await reading)], [10, 16]);
  assert.equal(await numbersOf(backend, c), [-10, -20]);
  const other: KernelCall = {
    kernel: 'sigmoid',
    inputs: { input: a },
    outputs: { output: b },
    attributes: { length: 2 },
  };
  if (backend.name !== 'reference')
    // which has nothing that it could compare
    assert.throws(
      () => program.change(new Map([[0, other]])),
      /a program's sigmoid was changed in more than its scalars/,
    );
  program.free();
  for (const slot of [a, b, c]) backend.free(slot);
});

testOnEachDevice(test, 'use after free throws and names the slot', async (backend) => {
  const slot = filled(backend, [1, 2, 3]);
  const other = filled(backend, [1, 2, 3]);
  backend.free(slot);
  const freed = /a slot of 3 numbers (was|is) used after it was freed/;
  assert.throws(() => backend.write(slot, [1]), freed);
  assert.throws(() => backend.copy(slot, other, { length: 1 }), freed);
  assert.throws(() => backend.copy(other, slot, { length: 1 }), freed);
  assert.throws(() => backend.run(double(slot, other, 3)), freed);
  assert.throws(() => backend.run(double(other, slot, 3)), freed);
  assert.throws(() => backend.free(slot), freed);
  assert.match((await rejection((async () => backend.read(slot))())).message, freed);
  assert.equal(await numbersOf(backend, other), [1, 2, 3]);
  backend.free(other);
});

test.run();
