import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Random, random, randomFromState, stream } from '../../src/tensor/random';

const test = suite('random');

const take = (generator: Random, count: number) => Array.from({ length: count }, () => generator.next());
const meanOf = (numbers: readonly number[]) => numbers.reduce((sum, value) => sum + value, 0) / numbers.length;

/** Mean of (x - mean)^power. */
function momentOf(numbers: readonly number[], power: number): number {
  const mean = meanOf(numbers);
  return meanOf(numbers.map((value) => (value - mean) ** power));
}

function correlationOf(a: readonly number[], b: readonly number[]): number {
  const [meanA, meanB] = [meanOf(a), meanOf(b)];
  const covariance = meanOf(a.map((value, i) => (value - meanA) * (b[i] - meanB)));
  return covariance / Math.sqrt(momentOf(a, 2) * momentOf(b, 2));
}

test('the published words of xoshiro128**', () => {
  // Blackman and Vigna's generator, from state 1, 2, 3, 4: 11520, 0, 5927040, 70819200.
  const words = [11520, 0, 5927040, 70819200];
  const [first, second] = take(randomFromState([1, 2, 3, 4]), 2);
  assert.is(first, (words[0] * 2 ** 21 + (words[1] >>> 11)) / 2 ** 53);
  assert.is(second, (words[2] * 2 ** 21 + (words[3] >>> 11)) / 2 ** 53);
});

test('the same seed gives the same numbers, today and later', () => {
  assert.equal(take(random(7), 100), take(random(7), 100));
  assert.equal(take(random(1), 3), [0.09156953275813662, 0.8881928146554285, 0.4342701766889956]);
  const generator = random(42);
  assert.equal(
    [generator.normal(), generator.normal(), generator.normal()],
    [0.5741420233648469, -0.17628188948057918, -0.3061771105352599],
  );
});

test('other seeds give other numbers', () => {
  const firsts = Array.from({ length: 1000 }, (_, seed) => random(seed).next());
  assert.is(new Set(firsts).size, 1000);
  assert.ok(Math.abs(correlationOf(take(random(1), 10_000), take(random(2), 10_000))) < 0.05);
});

test('a state resumes exactly', () => {
  fc.assert(
    fc.property(fc.integer(), fc.nat(50), (seed, count) => {
      const generator = random(seed);
      take(generator, count);
      const resumed = randomFromState(generator.state());
      assert.equal(take(resumed, 5), take(generator, 5));
      assert.is(resumed.normal(), generator.normal());
      assert.equal(resumed.state(), generator.state());
    }),
  );
  const words: unknown = JSON.parse(JSON.stringify(random(3).state()));
  assert.equal(words, random(3).state());
});

test('a fork is determined by the state, independent of its parent, and moves it by one step', () => {
  const parent = random(5);
  const fork = parent.fork();
  assert.equal(take(random(5).fork(), 5), take(fork, 5));
  const [ours, theirs] = [take(parent, 10_000), take(fork, 10_000)];
  assert.ok(Math.abs(correlationOf(ours, theirs)) < 0.05);
  const twins = random(5);
  assert.not.equal(take(twins.fork(), 5), take(twins.fork(), 5));
});

test('next is uniform in [0, 1)', () => {
  const numbers = take(random(11), 100_000);
  assert.ok(numbers.every((value) => value >= 0 && value < 1));
  assert.ok(Math.abs(meanOf(numbers) - 1 / 2) < 0.005);
  assert.ok(Math.abs(momentOf(numbers, 2) - 1 / 12) < 0.002);
  const tenths = new Array<number>(10).fill(0);
  for (const value of numbers) tenths[Math.floor(10 * value)]++;
  for (const count of tenths) assert.ok(Math.abs(count - 10_000) < 400, `${tenths}`); // four standard deviations
  assert.ok(Math.abs(correlationOf(numbers.slice(1), numbers.slice(0, -1))) < 0.02, 'neighbours');
});

test('between and below stay inside and reach every value', () => {
  const generator = random(13);
  for (let k = 0; k < 1000; k++) {
    const value = generator.between(-3, 5);
    assert.ok(value >= -3 && value < 5);
  }
  assert.equal(new Set(Array.from({ length: 1000 }, () => generator.below(6))), new Set([0, 1, 2, 3, 4, 5]));
  assert.is(generator.below(1), 0);
});

test('normal has the moments of the normal distribution', () => {
  const generator = random(17);
  const numbers = Array.from({ length: 100_000 }, () => generator.normal());
  assert.ok(Math.abs(meanOf(numbers)) < 0.015);
  assert.ok(Math.abs(momentOf(numbers, 2) - 1) < 0.02);
  assert.ok(Math.abs(momentOf(numbers, 3)) < 0.04);
  assert.ok(Math.abs(momentOf(numbers, 4) - 3) < 0.15);
  assert.ok(Math.abs(correlationOf(numbers.slice(1), numbers.slice(0, -1))) < 0.02, 'neighbours');
});

test('streams of neighbouring places are all different, and each is what its place says', () => {
  const firsts = new Set<number>();
  for (let seed = 0; seed < 20; seed++)
    for (let step = 0; step < 50; step++)
      for (let image = 0; image < 5; image++) firsts.add(stream(seed, step, image).next());
  assert.is(firsts.size, 20 * 50 * 5);
  assert.is(stream(3, 1, 2).next(), stream(3, 1, 2).next());
  assert.is.not(stream(3, 1, 2).next(), stream(3, 2, 1).next());
  assert.is.not(stream(3).next(), stream(3, 0).next());
});

test('numbers across the steps of one seed are uniform and neighbours are not alike', () => {
  const numbers = Array.from({ length: 20_000 }, (_, step) => stream(1, step).next());
  assert.ok(Math.abs(meanOf(numbers) - 1 / 2) < 0.01);
  assert.ok(Math.abs(momentOf(numbers, 2) - 1 / 12) < 0.004);
  assert.ok(Math.abs(correlationOf(numbers.slice(1), numbers.slice(0, -1))) < 0.03);
});

test.run();
