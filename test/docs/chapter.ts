import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Block, blocksOf, type Values } from '../../docs/site/examples';
import { type Backend, openDevice, scope, Tensor } from '../../src/tensor/index';

/** Numbers on a page are rounded to four decimals. */
const ROUNDING = 0.5e-4 + 1e-9;

/** The numbers of a block that a computation starts from. */
export interface Given {
  number(name: string): number;
  /** Numbers in one axis. */
  list(name: string): number[];
  /** Numbers in two axes. */
  rows(name: string): number[][];
  /** [length] */
  vector(name: string): Tensor;
  /** [rows, columns] */
  matrix(name: string): Tensor;
  /** An image of one channel: [1, height, width, 1]. */
  image(name: string): Tensor;
  /** A filter for one channel: [height, width, 1, 1]. */
  filter(name: string): Tensor;
}

type Result = Tensor | ArrayLike<number> | number;
/** By the names that they have in the block. */
export type Results = Record<string, Result>;
type Compute = (given: Given, backend: Backend) => Results | Promise<Results>;

/**
 * Recomputes the numbers of a chapter: `check(block, compute)` for each of its blocks, then `run()`, which fails for a block
 * that was not checked. Every number of a block must be either read by `compute` or returned by it.
 */
export function testChapter(name: string) {
  const test = suite(`docs: ${name}`);
  const blocks = new Map(blocksOf(readFileSync(`docs/${name}.md`, 'utf8')).map((block) => [block.name, block]));
  const waiting = new Set(blocks.keys());

  return {
    check(title: string, compute: Compute): void {
      const block = blocks.get(title);
      waiting.delete(title);
      for (const device of ['reference', 'wasm'] as const)
        test(`${title}, on ${device}`, async () => {
          assert.ok(block, `${name}.md has no block "${title}"`);
          const { backend } = await openDevice(device, { threads: 1 });
          try {
            await checkBlock(block, compute, backend);
          } finally {
            await backend.close();
          }
        });
    },
    run(): void {
      test('every block of the page is recomputed', () => assert.equal([...waiting], []));
      test.run();
    },
  };
}

async function checkBlock({ values }: Block, compute: Compute, backend: Backend): Promise<void> {
  const read = new Set<string>();
  using _ = scope();
  const results = await compute(givenBy(values, read, backend), backend);
  const names = Object.keys(results);
  assert.ok(names.length > 0, 'nothing was computed');
  for (const name of names) {
    assert.ok(name in values, `the block has no ${name}`);
    assert.not(read.has(name), `${name} was computed from itself`);
    expectNumbers(await numbersOf(results[name]), values[name], name, backend);
  }
  const unused = Object.keys(values).filter((name) => !read.has(name) && !names.includes(name));
  assert.equal(unused, [], 'numbers that are neither given nor computed');
}

const numbersOf = async (result: Result): Promise<ArrayLike<number>> =>
  typeof result === 'number' ? [result] : result instanceof Tensor ? result.data() : result;

function expectNumbers(actual: ArrayLike<number>, values: Values, name: string, backend: Backend): void {
  const expected = flat(values);
  const shown = JSON.stringify(Array.from(actual, (value) => Math.round(value * 1e4) / 1e4));
  assert.is(actual.length, expected.length, `${name}: computed ${shown}`);
  const single = backend.name === 'reference' ? 0 : 2e-6;
  expected.forEach((value, k) => {
    const difference = Math.abs(actual[k] - value);
    assert.ok(difference <= ROUNDING + single * Math.abs(value), `${name}: computed ${shown}, not ${expected}`);
  });
}

const flat = (values: Values): number[] => (typeof values === 'number' ? [values] : values.flatMap(flat));

function givenBy(values: Record<string, Values>, read: Set<string>, backend: Backend): Given {
  const take = (name: string): Values => {
    read.add(name);
    assert.ok(name in values, `the block has no ${name}`);
    return values[name];
  };
  const list = (value: Values): number[] => {
    assert.ok(typeof value !== 'number', 'a number where several are expected');
    return typeof value === 'number' ? [] : value.map((one) => (typeof one === 'number' ? one : Number.NaN));
  };
  const rows = (name: string): number[][] => {
    const value = take(name);
    return typeof value === 'number' ? [] : value.map(list);
  };
  const tensor = (name: string, shapeOf: (height: number, width: number) => number[]): Tensor => {
    const numbers = rows(name);
    return Tensor.from(backend, numbers.flat(), shapeOf(numbers.length, numbers[0].length));
  };
  return {
    number(name) {
      const value = take(name);
      return typeof value === 'number' ? value : Number.NaN;
    },
    list: (name) => list(take(name)),
    rows,
    vector: (name) => Tensor.from(backend, list(take(name))),
    matrix: (name) => tensor(name, (height, width) => [height, width]),
    image: (name) => tensor(name, (height, width) => [1, height, width, 1]),
    filter: (name) => tensor(name, (height, width) => [height, width, 1, 1]),
  };
}
