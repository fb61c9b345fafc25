import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { balancedBatches, type Sampler, shuffledBatches } from '../../src/nn/sampler';

const test = suite('samplers');

const draw = (sampler: Sampler, first: number, count: number) =>
  Array.from({ length: count }, (_, k) => sampler.batch(first + k));

test('shuffled batches hold an image at most once an epoch, and others sit out in every epoch', () => {
  const sampler = shuffledBatches(7, 3, 5);
  assert.is(sampler.stepsPerEpoch, 2);
  const epochs = [0, 1, 2, 3].map((epoch) => draw(sampler, 2 * epoch, 2).flat());
  for (const epoch of epochs) {
    assert.is(new Set(epoch).size, 6);
    assert.ok(epoch.every((index) => index >= 0 && index < 7));
  }
  assert.ok(new Set(epochs.map(String)).size > 1);
  assert.is(new Set(epochs.flat()).size, 7);
  assert.is(shuffledBatches(4, 100, 1).batchSize, 4);
  assert.throws(() => shuffledBatches(0, 4, 1), /no images/);
});

test('balanced batches hold so many of each of so many people', () => {
  const counts = [4, 2, 5, 3, 1];
  const labels = counts.flatMap((count, label) => Array.from({ length: count }, () => label));
  const sampler = balancedBatches(labels, { people: 3, imagesEach: 3, seed: 5 });
  const seen = new Set<number>();
  for (const batch of draw(sampler, 0, 30)) {
    assert.is(batch.length, 9);
    const own = batch.map((index) => labels[index]);
    assert.is(new Set(own).size, 3);
    for (const label of new Set(own)) {
      const images = batch.filter((_, k) => own[k] === label);
      assert.is(images.length, 3);
      assert.is(new Set(images).size, Math.min(3, counts[label]));
      seen.add(label);
    }
  }
  assert.is(seen.size, 5);
  const six = { people: 6, imagesEach: 2, seed: 1 };
  assert.throws(() => balancedBatches(labels, six), 'a batch of 6 people cannot be drawn from 5');
});

test('a batch depends on the seed and the step alone', () => {
  const labels = Array.from({ length: 13 }, (_, k) => k % 4);
  const kinds = [
    (seed: number) => shuffledBatches(13, 4, seed),
    (seed: number) => balancedBatches(labels, { people: 2, imagesEach: 2, seed }),
  ];
  for (const make of kinds) {
    const expected = draw(make(9), 0, 30);
    for (const first of [17, 3, 29, 0]) assert.equal(draw(make(9), first, 1), [expected[first]]);
    assert.not.equal(draw(make(10), 0, 3), expected.slice(0, 3));
  }
});

test.run();
