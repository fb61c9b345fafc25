import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Point } from '../../src/face/align';
import { CONDITIONS, eyeDistance } from '../../src/face/conditions';
import type { RawImage } from '../../src/face/image';
import { random } from '../../src/tensor/random';
import { faceAt } from '../helpers/face-points';

const test = suite('conditions');
const SIDE = 96;

/** Points of a face of which the eyes lie at (32, 40) and (64, 40), and the mouth at (48, 72). */
const LANDMARKS = faceAt([48, 46], 50).map((point, k): Point => {
  if (k >= 36 && k < 42) return [32, 40];
  if (k >= 42 && k < 48) return [64, 40];
  return k >= 48 ? [48, 72] : point;
});

/** Stripes that are four pixels wide. */
const stripes = (): RawImage => {
  const data = new Uint8Array(4 * SIDE * SIDE).fill(255);
  for (let pixel = 0; pixel < SIDE * SIDE; pixel++)
    data.fill((pixel % SIDE) % 8 < 4 ? 100 : 180, 4 * pixel, 4 * pixel + 3);
  return { width: SIDE, height: SIDE, data };
};

const at = ({ data, width }: RawImage, x: number, y: number) => data[4 * (y * width + x)];
const apply = (name: string, strength: number, seed = 1) =>
  CONDITIONS[name].apply(stripes(), LANDMARKS, strength, random(seed));

/** Mean absolute difference from the picture as it was, of 255. */
function change({ data }: RawImage): number {
  const before = stripes();
  let sum = 0;
  for (const [k, value] of data.entries()) sum += Math.abs(value - before.data[k]);
  return sum / data.length;
}

test('the distance between the eyes', () => assert.is(eyeDistance(LANDMARKS), 32));

test('each changes the picture, the more the stronger, the same way for the same seed, and leaves the given one', async () => {
  for (const [name, { strengths, unit }] of Object.entries(CONDITIONS)) {
    assert.ok(unit.length > 0 && strengths.length >= 3, name);
    let last = 0;
    for (const strength of strengths) {
      const photo = stripes();
      const image = await CONDITIONS[name].apply(photo, LANDMARKS, strength, random(4));
      assert.equal(photo.data, stripes().data, name);
      assert.equal((await apply(name, strength, 4)).data, image.data, `${name} comes out the same again`);
      assert.is(image.data.length, 4 * image.width * image.height, name);
      if (name === 'low-resolution') {
        assert.is(image.width, Math.ceil(SIDE / Math.max(1, Math.round(32 / strength))));
        continue;
      }
      const now = change(image);
      assert.ok(now > (name === 'rotation' ? 0 : last), `${name} ${strength}: ${now}, weaker ${last}`);
      last = now;
    }
  }
});

test('darkness by hand: two stops are a quarter of the light', async () => {
  const dark = await apply('darkness', 2);
  assert.is(at(dark, 0, 0), 25);
  assert.is(at(dark, 4, 0), 45);
  assert.is(dark.data[3], 255, 'alpha stays');
});

test('a blur keeps the mean and levels the stripes', async () => {
  const blurred = await apply('blur', 0.25);
  for (const x of [40, 44]) assert.ok(Math.abs(at(blurred, x, 48) - 140) <= 2, `${at(blurred, x, 48)}`);
});

test('bars lie over the eyes and the mouth, and a corner over a quarter of the face', async () => {
  const [eyes, mouth] = [await apply('eyes', 0.4), await apply('mouth', 0.6)];
  for (const [image, covered, free] of [
    [eyes, [32, 40], [48, 72]],
    [mouth, [48, 72], [32, 40]],
  ] satisfies [RawImage, Point, Point][]) {
    assert.is(at(image, ...covered), 20);
    assert.is(at(image, ...free), at(stripes(), ...free));
  }
  const quarter = await apply('quarter', 0.5);
  const covered = quarter.data.filter((value, k) => k % 4 === 0 && value === 20).length;
  // The face is 64 pixels wide and 76.8 high.
  assert.ok(Math.abs(covered - 32 * 38.4) < 100, `${covered}`);
});

test('noise has the deviation that is asked for', async () => {
  const noisy = await apply('noise', 10);
  const before = stripes();
  const differences = [...noisy.data].flatMap((value, k) => (k % 4 === 3 ? [] : [value - before.data[k]]));
  const squares = differences.reduce((sum, value) => sum + value ** 2, 0) / differences.length;
  assert.ok(Math.abs(Math.sqrt(squares) - 10) < 0.3, `${Math.sqrt(squares)}`);
});

test.run();
