import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ARCFACE_TEMPLATE,
  apply,
  chipTransform,
  invert,
  type Point,
  templateOf,
  UPPER_TEMPLATE,
} from '../../src/face/align';
import { NO_AUGMENT } from '../../src/face/augment';
import { augmentedBatch } from '../../src/face/augmented-batch';
import { splitPeople, syntheticDataset } from '../../src/face/dataset';
import { listAllPeople } from '../../src/face/dataset-folder';
import type { KnownFace } from '../../src/face/embedding-cache';
import { encodePng } from '../../src/face/image';
import { resize, resizedPoint } from '../../src/face/pixels';
import { syntheticPerson, syntheticPhoto } from '../../src/face/synthetic';
import { taughtFaces, withTargets } from '../../src/face/taught-faces';
import { TrainingImages } from '../../src/face/training-images';
import type { Backend } from '../../src/kernels/backend';
import { openWasm } from '../../src/kernels/wasm/backend';
import { random } from '../../src/tensor/random';
import { assertClose, rejection, thrown } from '../helpers/numbers';

const test = suite('faces for a student');
const SHAPE = { height: 40, width: 40, channels: 3 } as const;

let home = '';
let backend: Backend;
test.before(async () => {
  home = await mkdtemp(join(tmpdir(), 'likeness-taught-'));
  backend = await openWasm({ threads: 1 });
});
test.after(async () => {
  await backend.close();
  await rm(home, { recursive: true });
});

/** Drawn photos of two people in a folder of their own, and what a teacher knows of them. */
async function photos(folder: string, each: number): Promise<Map<string, KnownFace>> {
  const known = new Map<string, KnownFace>();
  const source = random(5);
  for (const name of ['Ada', 'Ben']) {
    await mkdir(join(home, folder, name), { recursive: true });
    const person = syntheticPerson(source.fork());
    for (let k = 1; k <= each; k++) {
      const { image, landmarks } = syntheticPhoto(person, source.fork(), { width: 160, height: 160 });
      const file = join(home, folder, name, `${k}.png`);
      await writeFile(file, await encodePng(image));
      const embedding = Float32Array.from({ length: 4 }, () => 3 + source.normal());
      known.set(file, { embedding, landmarks: landmarks.map(([x, y]): Point => [x, y]), quality: 1 });
    }
  }
  return known;
}

test('each face is cut where the teacher has looked, with its landmarks; a second run reads the cache', async () => {
  const known = await photos('cut', 2);
  const people = await listAllPeople([join(home, 'cut')]);
  const options = { ...SHAPE, cacheFolder: join(home, 'cache') };
  const [left] = known.keys();
  known.delete(left);
  const first = await taughtFaces(backend, people, known, options);
  assert.equal(first.names, ['Ada', 'Ben']);
  assert.equal(
    first.problems.map(({ file }) => file),
    [left],
  );
  for (const { file, landmarks = [], pixels, target } of first.examples) {
    const face = known.get(file);
    assert.is(pixels.length, 40 * 40 * 3);
    assert.is(target?.length, 4);
    // The middle of the eyes lies where the template has it, 112 pixels made 40.
    const toChip = invert(chipTransform(face?.landmarks ?? [], ARCFACE_TEMPLATE));
    for (const [k, point] of (face?.landmarks ?? []).entries())
      assertClose(landmarks[k], resizedPoint(apply(toChip, point), { width: 112, height: 112 }, SHAPE), 1e-5);
    const eyes = landmarks.slice(36, 48);
    assert.ok(Math.abs(eyes.reduce((sum, [, y]) => sum + y, 0) / 12 - (51.6 * 40) / 112) < 1.5);
  }
  assert.is((await readdir(join(home, 'cache'))).length, 3);
  const second = await taughtFaces(backend, people, known, options);
  assert.equal(second.examples, first.examples);
  assert.is((await readdir(join(home, 'cache'))).length, 3);
  const upper = await taughtFaces(backend, people, known, { ...options, template: 'upper' });
  assert.not.equal(upper.examples[0].pixels, first.examples[0].pixels);
  assert.is((await readdir(join(home, 'cache'))).length, 6);
});

test('a point is where resizing brings it, in pictures of other proportions too', () => {
  const [width, height] = [30, 50];
  const data = new Uint8ClampedArray(4 * width * height);
  const at: Point = [20, 22];
  data.set([255, 255, 255, 255], 4 * (at[1] * width + at[0]));
  for (const shape of [
    { height: 15, width: 15, channels: 1 },
    { height: 25, width: 15, channels: 1 },
  ] as const) {
    const pixels = resize({ width, height, data }, shape);
    const total = pixels.reduce((sum, value) => sum + value, 0);
    const centre = (axis: (k: number) => number) => pixels.reduce((sum, value, k) => sum + value * axis(k), 0) / total;
    const found = [centre((k) => k % shape.width), centre((k) => Math.floor(k / shape.width))];
    assertClose(found, resizedPoint(at, { width, height }, shape), 0.02);
  }
});

test('the upper template shows the face from the hair to the tip of the nose, and no mouth', () => {
  assert.is(templateOf('whole'), ARCFACE_TEMPLATE);
  const { side, points } = templateOf('upper');
  assert.is(side, 112);
  const [left, right, nose, ...mouth] = points;
  assert.ok(Math.abs((left[0] + right[0]) / 2 - 55.5) < 1e-9);
  assert.ok(left[1] > 60 && nose[1] < side && mouth.every(([, y]) => y > side));
  // A similarity: the same face only larger and lower.
  const [a, b, c] = ARCFACE_TEMPLATE.points;
  assertClose([(right[0] - left[0]) / (b[0] - a[0]), (nose[1] - left[1]) / (c[1] - a[1])], [1.25, 1.25], 1e-9);
  assert.equal(UPPER_TEMPLATE.five, UPPER_TEMPLATE.points);
});

test('targets: the mean of all is off, lengths are 1, and each is halfway to the mean of its person', () => {
  const example = (label: number, ...target: number[]) => ({
    ...{ label, pixels: new Uint8Array(0), file: '' },
    target: Float32Array.from(target),
  });
  // About (5, 5) these are three directions: right and up of one person, and left and down at once of the other.
  const examples = [example(0, 6, 5), example(0, 5, 6), example(1, 4, 4)];
  const [first, second, third] = withTargets({ names: ['a', 'b'], examples }).map(({ target }) => [...(target ?? [])]);
  const eighth = Math.PI / 8; // half of the half right angle to (1, 1)
  assertClose(first, [Math.cos(eighth), Math.sin(eighth)], 1e-6);
  assertClose(second, [Math.sin(eighth), Math.cos(eighth)], 1e-6);
  assertClose(third, [-Math.SQRT1_2, -Math.SQRT1_2], 1e-6);
});

test('people are held back as a whole, and the seed says whom', () => {
  const data = syntheticDataset({ height: 8, width: 8, channels: 1, people: 20, imagesEach: 2, seed: 1 });
  const labels = ({ examples }: typeof data) => new Set(examples.map(({ label }) => label));
  const { train, test: held } = splitPeople(data, { share: 0.2, seed: 4 });
  assert.is(labels(held).size, 4);
  assert.is(labels(train).size, 16);
  assert.is(held.examples.length + train.examples.length, 40);
  assert.equal(splitPeople(data, { share: 0.2, seed: 4 }).test.examples, held.examples);
  assert.not.equal(labels(splitPeople(data, { share: 0.2, seed: 5 }).test), labels(held));
  const one = { ...data, examples: data.examples.slice(0, 2) };
  assert.match(thrown(() => splitPeople(one, { share: 0.999, seed: 4 })).message, /too few to learn from/);
});

test('several folders are one data set, its people named by folder; one alone as before', async () => {
  await photos('one', 1);
  await photos('two', 1);
  const names = async (...folders: string[]) =>
    (await listAllPeople(folders.map((folder) => join(home, folder)))).map(({ name }) => name);
  assert.equal(await names('one', 'two'), ['one/Ada', 'one/Ben', 'two/Ada', 'two/Ben']);
  assert.equal(await names('one'), ['Ada', 'Ben']);
  assert.match((await rejection(names('one', 'three'))).message, /three does not exist/);
});

test('masks are drawn on the share of images that was asked for, over mouth and not over eyes', () => {
  const { examples } = syntheticDataset({ ...SHAPE, people: 2, imagesEach: 2, seed: 3 });
  const bytes = Uint8Array.from(examples.flatMap(({ pixels }) => [...pixels]));
  const landmarks = Float32Array.from(examples.flatMap(({ landmarks = [] }) => landmarks.flat()));
  const batch = (masks: number, step: number) =>
    augmentedBatch({ bytes, shape: SHAPE, options: NO_AUGMENT, seed: 2, masks, landmarks }, { indices: [0], step });
  const plain = batch(0, 0);
  const steps = Array.from({ length: 40 }, (_, step) => step);
  const differs = (step: number, masks: number) => batch(masks, step).some((value, k) => value !== plain[k]);
  assert.ok(steps.slice(0, 5).every((step) => differs(step, 1)));
  const half = steps.filter((step) => differs(step, 0.5)).length;
  assert.ok(half > 10 && half < 30, `${half} of 40 with a mask`);
  assert.equal(batch(1, 7), batch(1, 7));

  // Light and contrast of the whole are set anew, so what was left is compared by its own mean and deviation.
  const points = examples[0].landmarks ?? [];
  const around = ([x, y]: Point) => {
    const places: number[] = [];
    for (let row = Math.round(y) - 2; row <= Math.round(y) + 2; row++)
      for (let column = Math.round(x) - 2; column <= Math.round(x) + 2; column++)
        for (let k = 0; k < 3; k++) places.push((row * 40 + column) * 3 + k);
    return places;
  };
  const correlation = (places: readonly number[], values: Float32Array) => {
    const mean = (of: Float32Array) => places.reduce((sum, at) => sum + of[at], 0) / places.length;
    const [a, b] = [mean(values), mean(plain)];
    const product = (x: Float32Array, p: number, y: Float32Array, q: number) =>
      places.reduce((sum, at) => sum + (x[at] - p) * (y[at] - q), 0);
    return product(values, a, plain, b) / Math.sqrt(product(values, a, values, a) * product(plain, b, plain, b));
  };
  const masked = batch(1, 0);
  const middle = (from: number, to: number): Point => {
    const some = points.slice(from, to);
    const sum = (axis: 0 | 1) => some.reduce((total, point) => total + point[axis], 0) / some.length;
    return [sum(0), sum(1)];
  };
  assert.ok(correlation(around(middle(36, 42)), masked) > 0.98, 'the left eye is as it was');
  assert.ok(correlation(around(middle(48, 68)), masked) < 0.9, 'the mouth is not');
});

test('masks on images without landmarks are refused', () => {
  const { examples } = syntheticDataset({ ...SHAPE, people: 2, imagesEach: 1, seed: 3 });
  const bare = examples.map(({ landmarks: _, ...example }) => example);
  const make = () => new TrainingImages(bare, [], { shape: SHAPE, augment: {}, seed: 1, masks: 0.5 });
  assert.match(thrown(make).message, /masks are drawn by landmarks, which some images lack/);
});

test.run();
