import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NO_AUGMENT } from '../../src/face/augment';
import { augmentedBatch } from '../../src/face/augmented-batch';
import { TrainingImages } from '../../src/face/training-images';
import { stacked } from '../../src/nn/evaluation';
import { random } from '../../src/tensor/random';
import { rejection, thrown } from '../helpers/numbers';

const test = suite('training images');

const shape = { height: 12, width: 10, channels: 3 } as const;
const generator = random(4);
const examples = Array.from({ length: 5 }, (_, label) => ({
  pixels: Uint8Array.from({ length: 12 * 10 * 3 }, () => generator.below(256)),
  label,
  file: '',
}));

test('without variation a batch is the images, each with mean 0 and deviation 1', async () => {
  using images = new TrainingImages(examples, [], { shape, augment: NO_AUGMENT, seed: 1 });
  assert.equal(images.labels, [0, 1, 2, 3, 4]);
  const batch = await images.batch([3, 1], 0);
  const expected = stacked([examples[3].pixels, examples[1].pixels]);
  assert.is(batch.length, expected.length);
  assert.ok(batch.every((value, at) => Math.abs(value - expected[at]) < 1e-5));
});

test('the thread varies as the step and the place in the batch decide, whatever was asked before', async () => {
  const seed = 7;
  using images = new TrainingImages(examples, [], { shape, augment: {}, seed });
  const asked = [0, 3, 1, 3].map((step) => images.batch([0, 0, 4], step)); // several are asked for at once
  const batches = await Promise.all(asked);
  assert.equal(batches[1], batches[3]);
  assert.not.equal(batches[0], batches[1]);
  const size = batches[0].length / 3;
  assert.not.equal(batches[0].slice(0, size), batches[0].slice(size, 2 * size));
  const bytes = Uint8Array.from(examples.flatMap(({ pixels }) => [...pixels]));
  const here = augmentedBatch({ bytes, shape, options: {}, seed }, { indices: [0, 0, 4], step: 3 });
  assert.equal(batches[1], here);
  using others = new TrainingImages(examples, [], { shape, augment: {}, seed: 8 });
  assert.not.equal(await others.batch([0, 0, 4], 3), here);
});

test('a teacher that has looked at some of the images only is refused', () => {
  const half = examples.map((example, k) => (k < 2 ? { ...example, target: Float32Array.of(1, 0) } : example));
  const refused = thrown(() => new TrainingImages(half, [], { shape, augment: NO_AUGMENT, seed: 1 }));
  assert.match(refused.message, /^training images: the teacher has looked at some of them only$/);
});

test('whoever waits for a thread that was stopped is told', async () => {
  const images = new TrainingImages(examples, [], { shape, augment: {}, seed: 1 });
  const waiting = rejection(images.batch([0, 1], 0));
  await Promise.resolve();
  images[Symbol.dispose]();
  assert.match((await waiting).message, /stopped/);
});

test.run();
