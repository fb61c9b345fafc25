import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ARCFACE_TEMPLATE, type Point } from '../../src/face/align';
import type { RawImage } from '../../src/face/image';
import { faceQuality } from '../../src/face/quality';
import { random } from '../../src/tensor/random';
import { assertClose } from '../helpers/numbers';

const test = suite('quality of a face');

/** 112 x 112 greys. */
function chipOf(grey: (x: number, y: number) => number): RawImage {
  const data = new Uint8ClampedArray(4 * 112 * 112).fill(255);
  for (let at = 0; at < 112 * 112; at++) data.fill(grey(at % 112, Math.floor(at / 112)), 4 * at, 4 * at + 3);
  return { width: 112, height: 112, data };
}

/** Waves along x that take so many pixels, about a grey. */
const waves = (length: number, strength = 60, middle = 128) =>
  chipOf((x) => middle + strength * Math.sin((2 * Math.PI * x) / length));

/** The template's points, larger or smaller, somewhere in a photo. */
const pointsAt = (scale: number): Point[] => ARCFACE_TEMPLATE.five.map(([x, y]) => [30 + scale * x, 40 + scale * y]);

test('by hand: size, light and pose of a face that looks at the camera', () => {
  const { size, light, pose, sharpness, score } = faceQuality(waves(8), pointsAt(1));
  const eyes = Math.hypot(73.5318 - 38.2946, 51.5014 - 51.6963);
  assertClose([size], [1 - Math.exp(-eyes / 20)], 1e-9);
  assertClose([pose], [1], 1e-9);
  assert.is(light, 1); // a deviation of 60 / sqrt 2 is more than 40, and 68 to 188 is neither black nor white
  assertClose([score], [(size * sharpness) ** 0.25], 1e-9);
});

test('a sharper face, a larger one, and one that looks at the camera are better', () => {
  const sharpness = [32, 16, 8, 4].map((length) => faceQuality(waves(length), pointsAt(1)).sharpness);
  assert.equal(sharpness, [...sharpness].sort(), 'finer waves are sharper');
  assert.ok(sharpness[3] > 2 * sharpness[0]);
  const sizes = [0.2, 0.5, 1, 4].map((scale) => faceQuality(waves(8), pointsAt(scale)).size);
  assert.equal(sizes, [...sizes].sort());
  const turned = [0, 5, 10, 20].map((by) => {
    const points = pointsAt(1);
    points[2] = [points[2][0] + by, points[2][1]];
    return faceQuality(waves(8), points).pose;
  });
  assert.equal(turned, [...turned].sort().reverse());
  // The larger the face, the less it matters how many pixels its parts are apart.
  const nodding = pointsAt(3);
  nodding[2] = [nodding[2][0], nodding[2][1] - 30];
  const small = pointsAt(1);
  small[2] = [small[2][0], small[2][1] - 10];
  assertClose([faceQuality(waves(8), nodding).pose], [faceQuality(waves(8), small).pose], 1e-9);
});

test('darkness, glare and a surface without contrast are worse', () => {
  const even = faceQuality(waves(8), pointsAt(1)).score;
  for (const chip of [waves(8, 8), waves(8, 60, 0), waves(8, 60, 255)])
    assert.ok(faceQuality(chip, pointsAt(1)).score < even);
  assert.is(
    faceQuality(
      chipOf(() => 100),
      pointsAt(1),
    ).score,
    0,
  );
});

test('always from 0 to 1', () => {
  const generator = random(3);
  for (let trial = 0; trial < 50; trial++) {
    const chip = chipOf(() => generator.below(256));
    const points = pointsAt(1).map((): Point => [generator.between(0, 100), generator.between(0, 100)]);
    for (const value of Object.values(faceQuality(chip, points))) assert.ok(value >= 0 && value <= 1, `${value}`);
  }
});

test.run();
