import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Point } from '../../src/face/align';
import type { Box } from '../../src/face/boxes';
import { fivePoints, landmarkError } from '../../src/face/evaluate-photos';
import { FIVE_MIRRORED } from '../../src/face/landmark-network';
import { LandmarkFinder, type LandmarkName, MIRROR_TWIN } from '../../src/face/landmarks';
import { openWasm } from '../../src/kernels/wasm/backend';
import { assertClose, rejection } from '../helpers/numbers';
import { mirrorImage, SAMPLE_FACES, samplePhoto } from '../helpers/photos';

const test = suite('landmarks');

const opening = openWasm({ threads: 2 });
test.after(async () => (await opening).close());

async function withFinder(name: LandmarkName, use: (finder: LandmarkFinder) => Promise<void>): Promise<void> {
  const backend = await opening;
  const before = backend.liveBytes;
  const finder = await LandmarkFinder.open(backend, name);
  await use(finder);
  await finder.dispose();
  assert.is(backend.liveBytes, before, 'bytes were left behind');
}

/** The mean of the points from one to another, that included. */
function middle(points: readonly Point[], first: number, last: number): Point {
  const part = points.slice(first, last + 1);
  const mean = (axis: 0 | 1) => part.reduce((sum, point) => sum + point[axis], 0) / part.length;
  return [mean(0), mean(1)];
}

/** Whether 68 points lie as a face's do that is looking at the camera, more or less upright. */
function assertIsFace(points: readonly Point[], [left, top, width, height]: Box, message: string) {
  assert.is(points.length, 68, message);
  const inside = points.filter(
    ([x, y]) =>
      x > left - 0.25 * width && x < left + 1.25 * width && y > top - 0.25 * height && y < top + 1.25 * height,
  );
  assert.ok(inside.length >= 64, `${message}: ${inside.length} points near the box`);
  const [leftEye, rightEye] = [middle(points, 36, 41), middle(points, 42, 47)];
  const [nose, mouth, chin] = [points[30], middle(points, 48, 67), points[8]];
  const [leftBrow, rightBrow] = [middle(points, 17, 21), middle(points, 22, 26)];
  assert.ok(rightEye[0] - leftEye[0] > 0.2 * width, `${message}: eyes from left to right`);
  assert.ok(leftBrow[1] < leftEye[1] && rightBrow[1] < rightEye[1], `${message}: brows above the eyes`);
  assert.ok(nose[1] > leftEye[1] && nose[1] > rightEye[1], `${message}: nose below the eyes`);
  assert.ok(mouth[1] > nose[1] && chin[1] > mouth[1], `${message}: mouth and chin below the nose`);
  assert.ok(points[0][0] < leftEye[0] && points[16][0] > rightEye[0], `${message}: the jaw on both sides`);
  assert.ok(points[48][0] < points[54][0], `${message}: corners of the mouth from left to right`);
}

/** Faces that look at the camera; the numbers count SAMPLE_FACES. */
const FRONTAL: [photo: string, face: number][] = [
  ['sample3.jpg', 0],
  ['sample3.jpg', 1],
  ['sample3.jpg', 2],
  ['sample5.jpg', 2],
  ['sample5.jpg', 3],
  ['sample6.jpg', 0],
  ['sample6.jpg', 1],
  ['sample6.jpg', 2],
  ['sample6.jpg', 3],
];

for (const name of ['full', 'tiny'] as const)
  test(`${name}: on faces that look at the camera`, () =>
    withFinder(name, async (finder) => {
      for (const [photo, face] of FRONTAL) {
        const box = SAMPLE_FACES[photo][face];
        const [points] = await finder.find(await samplePhoto(photo), [box]);
        assertIsFace(points, box, `${photo}, face ${face}`);
      }
    }));

test('several faces at once are the same faces, one by one', () =>
  withFinder('full', async (finder) => {
    const photo = await samplePhoto('sample5.jpg');
    const boxes = SAMPLE_FACES['sample5.jpg']; // ten crops: a batch of eight and two by themselves
    const together = await finder.find(photo, boxes);
    for (const [k, box] of boxes.entries()) {
      const [alone] = await finder.find(photo, [box]);
      assertClose(together[k].flat(), alone.flat(), 1e-4);
    }
    assert.equal(await finder.find(photo, []), []);
  }));

test('the mirror image has the mirrored points', () =>
  withFinder('full', async (finder) => {
    const photo = await samplePhoto('sample6.jpg');
    const [x, y, width, height] = SAMPLE_FACES['sample6.jpg'][0];
    const [points] = await finder.find(photo, [[x, y, width, height]]);
    const [mirrored] = await finder.find(mirrorImage(photo), [[photo.width - x - width, y, width, height]]);
    const back = MIRROR_TWIN.map((twin): Point => [photo.width - 1 - mirrored[twin][0], mirrored[twin][1]]);
    for (const [k, [px, py]] of points.entries())
      assert.ok(Math.hypot(back[k][0] - px, back[k][1] - py) < 0.5, `point ${k}: ${back[k]} and ${px},${py}`);
  }));

test('five: they are near what the 68 points say, eyes, nose and mouth in their places', async () => {
  const found = async (name: LandmarkName) => {
    const all: Point[][] = [];
    await withFinder(name, async (finder) => {
      for (const [photo, face] of FRONTAL)
        all.push(...(await finder.find(await samplePhoto(photo), [SAMPLE_FACES[photo][face]])));
    });
    return all;
  };
  const [own, others] = [await found('five'), await found('full')];
  const errors = own.map((points, k) => landmarkError(points, fivePoints(others[k])));
  assert.ok(Math.max(...errors) < 0.2, `errors ${errors}`);
});

test('five: the mirror image has the mirrored points; several at once are the same; edges are no trouble', () =>
  withFinder('five', async (finder) => {
    const photo = await samplePhoto('sample6.jpg');
    const [x, y, width, height] = SAMPLE_FACES['sample6.jpg'][0];
    const [points] = await finder.find(photo, [[x, y, width, height]]);
    const [mirrored] = await finder.find(mirrorImage(photo), [[photo.width - x - width, y, width, height]]);
    for (const [k, [px, py]] of points.entries()) {
      const [mx, my] = mirrored[FIVE_MIRRORED[k]];
      // Its first look goes one way only.
      const away = Math.hypot(photo.width - 1 - mx - px, my - py);
      assert.ok(away < 0.02 * width, `point ${k}: ${away} pixels`);
    }
    const boxes: Box[] = [...SAMPLE_FACES['sample6.jpg'], [-900, -900, 100, 100], [-50, -50, 200, 300]];
    const together = await finder.find(photo, boxes);
    for (const [k, box] of boxes.entries())
      assertClose(together[k].flat(), (await finder.find(photo, [box]))[0].flat(), 1e-4);
  }));

test('five: where the network is not, the error names it', async () => {
  const nowhere = new URL('file:///nowhere/');
  const error = await rejection(LandmarkFinder.open(await opening, 'five', { weights: nowhere }));
  assert.match(error.message, /nowhere\/landmarks\.safetensors does not exist$/);
});

test('a twin of a twin is the point itself; the middle line has itself', () => {
  assert.is(MIRROR_TWIN.length, 68);
  MIRROR_TWIN.forEach((twin, point) => {
    assert.is(MIRROR_TWIN[twin], point);
  });
  const own = MIRROR_TWIN.filter((twin, point) => twin === point);
  assert.equal(own, [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]);
});

test('a face at the edge, and a box beyond it', () =>
  withFinder('full', async (finder) => {
    const photo = await samplePhoto('sample3.jpg');
    for (const box of [
      [-100, -50, 200, 300],
      [photo.width - 50, photo.height - 50, 300, 300],
      [-900, -900, 100, 100],
    ] satisfies Box[]) {
      const [points] = await finder.find(photo, [box]);
      assert.ok(points.flat().every(Number.isFinite), `${box}`);
    }
  }));

test.run();
