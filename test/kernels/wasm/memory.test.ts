import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FreeList, Memory } from '../../../src/kernels/wasm/memory';

const test = suite('wasm memory');

test('blocks never overlap, and when all are back they are one block again', () => {
  const TOTAL = 1 << 16;
  const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 9000 }), fc.boolean(), fc.nat()), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (list) => {
      const free = new FreeList();
      free.give(0, TOTAL);
      const taken: { address: number; size: number }[] = [];
      const giveBack = (index: number) => {
        const [block] = taken.splice(index, 1);
        free.give(block.address, block.size);
      };
      for (const [size, takes, which] of list) {
        if (takes) {
          const address = free.take(size);
          if (address === undefined) continue;
          assert.ok(address >= 0 && address + size <= TOTAL);
          for (const other of taken)
            assert.ok(address + size <= other.address || other.address + other.size <= address);
          taken.push({ address, size });
        } else if (taken.length > 0) giveBack(which % taken.length);
        assert.is(free.freeBytes, TOTAL - taken.reduce((sum, block) => sum + block.size, 0));
      }
      while (taken.length > 0) giveBack(taken.length >> 1);
      assert.is(free.take(TOTAL), 0);
    }),
  );
});

test('slots are apart, keep their numbers while the memory grows, and start at cache lines', () => {
  for (const shared of [false, true]) {
    const memory = new Memory(shared);
    const first = memory.allocateSlot(1000);
    memory.view(first).fill(7);
    const large = memory.allocateSlot(20_000_000);
    memory.view(large).fill(8);
    assert.ok(memory.view(first).every((value) => value === 7));
    assert.is(memory.addressOf(large) % 64, 0);
    assert.is(memory.liveBytes, 80_004_000);
    memory.freeSlot(large);
    memory.freeSlot(first);
    assert.is(memory.liveBytes, 0);
  }
});

test('a long run of allocations of changing sizes does not grow the memory', () => {
  const memory = new Memory(false);
  const step = (size: number) => {
    const slots = [size, 3 * size, 17, size >> 1].map((length) => memory.allocateSlot(length));
    for (const slot of slots) memory.freeSlot(slot);
  };
  step(100_000);
  const before = memory.memory.buffer.byteLength;
  for (let k = 0; k < 2000; k++) step(50_000 + ((k * 7919) % 50_000));
  assert.is(memory.memory.buffer.byteLength, before);
});

test('using a freed or a foreign slot says which of the two it is', () => {
  const memory = new Memory(false);
  const slot = memory.allocateSlot(12);
  assert.throws(() => new Memory(false).addressOf(slot), /12 numbers belongs to another backend/);
  memory.freeSlot(slot);
  assert.throws(() => memory.view(slot), /12 numbers is used after it was freed/);
  assert.throws(() => memory.freeSlot(slot), /after it was freed/);
  assert.throws(() => memory.allocateSlot(-1), /cannot hold -1/);
});

test.run();
