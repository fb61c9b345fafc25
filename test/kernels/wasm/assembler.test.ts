import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Assembler, type FunctionBuilder, f32x4, i32, i32x4, v128 } from '../../../src/kernels/wasm/assembler';

const limits = { initial: 1, maximum: 1, shared: false };

/** Assembles one function and gives a way to call it, and the memory it works on. */
function assemble(body: (f: FunctionBuilder, assembler: Assembler) => void) {
  const assembler = new Assembler(limits);
  body(assembler.function('run'), assembler);
  const memory = new WebAssembly.Memory(limits);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(assembler.bytes()), { environment: { memory } });
  const { run } = instance.exports;
  if (typeof run !== 'function') throw new Error('no function "run"');
  return { run, numbers: new Float32Array(memory.buffer), integers: new Int32Array(memory.buffer) };
}

/** Runs code that leaves an integer at address 0. */
function integer(make: (f: FunctionBuilder) => Parameters<typeof i32.add>[0]): number {
  const { run, integers } = assemble((f) => {
    f.storeLane(0, i32x4.splat(make(f)), 0);
  });
  run();
  return integers[0];
}

const test = suite('wasm assembler');

test('a vector kernel reads like arithmetic and runs', () => {
  const { run, numbers } = assemble((f) => {
    const from = f.parameter('i32');
    const to = f.parameter('i32');
    const factor = f.parameter('f32');
    f.forRange(from, to, 16, (address) => {
      f.store(address, f32x4.mul(v128.load(address), f32x4.splat(factor)));
    });
  });
  numbers.set([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  run(0, 32, 10);
  assert.equal([...numbers.subarray(0, 9)], [10, 20, 30, 40, 50, 60, 70, 80, 9]);
});

test('constants keep their value at every length of their encoding', () => {
  for (const value of [0, 1, -1, 63, 64, -64, -65, 127, 128, 8191, 8192, -8193, 2 ** 31 - 1, -(2 ** 31), 0x12345678])
    assert.is(
      integer(() => value),
      value,
    );
});

test('a range that is empty runs never, a repeat exactly its number of times', () => {
  const count = (loop: (f: FunctionBuilder, body: () => void) => void) =>
    integer((f) => {
      const sum = f.let(i32.const(0));
      loop(f, () => f.advance(sum, 1));
      return sum;
    });
  assert.is(
    count((f, body) => f.forRange(3, 3, 1, body)),
    0,
  );
  assert.is(
    count((f, body) => f.forRange(5, 3, 1, body)),
    0,
  );
  assert.is(
    count((f, body) => f.forRange(0, 10, 3, body)),
    4,
  );
  for (const times of [0, 1, 2, 9])
    assert.is(
      count((f, body) => f.repeat(times, body)),
      times,
    );
});

test('a block is left from inside loops', () => {
  const reached = integer((f) => {
    const sum = f.let(i32.const(0));
    f.block((leaveWhen) => {
      f.forRange(0, 10, 1, (i) => {
        f.forRange(0, 10, 1, () => {
          leaveWhen(i32.eq(i, 3));
          f.advance(sum, 1);
        });
      });
    });
    return sum;
  });
  assert.is(reached, 30);
});

test('both sides of a condition, selection, minimum and maximum', () => {
  for (const [left, right] of [
    [1, 2],
    [2, 1],
    [-5, 3],
  ]) {
    const chosen = integer((f) => {
      const result = f.let(i32.const(0));
      f.when(
        i32.ltS(left, right),
        () => f.set(result, i32.const(7)),
        () => f.set(result, i32.const(9)),
      );
      return result;
    });
    assert.is(chosen, left < right ? 7 : 9);
    assert.is(
      integer(() => i32.min(left, right)),
      Math.min(left, right),
    );
    assert.is(
      integer(() => i32.max(left, right)),
      Math.max(left, right),
    );
    assert.is(
      integer(() => i32.select(i32.ltU(left, right), 1, 0)),
      left >>> 0 < right >>> 0 ? 1 : 0,
    );
  }
});

test('functions of a module call each other', () => {
  const { run, numbers } = assemble((f, assembler) => {
    const square = assembler.function();
    const address = square.parameter('i32');
    square.store(address, f32x4.mul(v128.load(address), v128.load(address)));
    f.forRange(0, 64, 16, (at) => f.call(square, at));
  });
  numbers.fill(3, 0, 20);
  run();
  assert.is(numbers[0], 9);
  assert.is(numbers[15], 9);
  assert.is(numbers[16], 3);
});

test('a parameter after a local is refused', () => {
  const f = new Assembler(limits).function('run');
  f.local('i32');
  assert.throws(() => f.parameter('i32'), /parameters come before locals/);
});

test.run();
