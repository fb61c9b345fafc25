import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { apply, type Point } from '../../src/face/align';
import type { Box } from '../../src/face/boxes';
import { fivePoints } from '../../src/face/evaluate-photos';
import type { RawImage } from '../../src/face/image';
import { LANDMARK_SIDE } from '../../src/face/landmark-network';
import {
  LANDMARK_AUGMENTATION,
  type LabelledFace,
  landmarkCrop,
  landmarkSample,
  toPixel,
} from '../../src/face/landmark-samples';
import { syntheticPerson, syntheticPhoto } from '../../src/face/synthetic';
import { euclideanDistance } from '../../src/face/verify';
import { random, stream } from '../../src/tensor/random';
import { assertClose } from '../helpers/numbers';

const test = suite('faces to learn landmarks from');

const POINTS: Point[] = [
  [40, 44],
  [66, 42],
  [54, 58],
  [43, 70],
  [64, 69],
];

/** Black, with a white disc of radius 3 at each point. */
function photoOf(points: readonly Point[]): RawImage {
  const [width, height] = [110, 100];
  const data = new Uint8ClampedArray(4 * width * height);
  for (let at = 0; at < width * height; at++) {
    const [x, y] = [at % width, Math.floor(at / width)];
    const isWhite = points.some(([px, py]) => Math.hypot(x - px, y - py) < 3.5);
    data.fill(isWhite ? 255 : 0, 4 * at, 4 * at + 3);
    data[4 * at + 3] = 255;
  }
  return { width, height, data };
}

const FACE: LabelledFace = { photo: photoOf(POINTS), box: [30, 20, 46, 62], points: POINTS };

const makeSample = (face: LabelledFace, seed?: number) => {
  const pixels = new Float32Array(LANDMARK_SIDE * LANDMARK_SIDE * 3);
  const targets = new Float32Array(10);
  const varied = seed === undefined ? undefined : { random: random(seed), augmentation: LANDMARK_AUGMENTATION };
  landmarkSample(face, pixels, targets, varied);
  return { pixels, targets };
};

test('as it is: targets lead back to the points of the photo, and there the crop is white', () => {
  const { pixels, targets } = makeSample(FACE);
  const toPhoto = landmarkCrop(FACE.box);
  for (const [k, point] of POINTS.entries()) {
    const place: Point = [toPixel(targets[2 * k]), toPixel(targets[2 * k + 1])];
    assertClose(apply(toPhoto, place), point, 1e-5);
    assert.is(pixels[3 * (LANDMARK_SIDE * Math.round(place[1]) + Math.round(place[0]))], 1);
  }
});

test('varied: wherever a point goes, its disc goes too, and left stays left', () => {
  let white = 0;
  let mirrored = 0;
  for (let seed = 0; seed < 100; seed++) {
    const { pixels, targets } = makeSample(FACE, seed);
    assert.ok(targets[0] < targets[2] && targets[6] < targets[8], 'image-left is on the left, mirrored or not');
    assert.ok(
      pixels.every((value) => value >= 0 && value <= 1),
      'RGB 0 to 1',
    );
    // The left eye is the lower one in the photo, unless it is mirrored; the rotation is up to 40 degrees either way.
    const mean = pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
    for (let k = 0; k < 5; k++) {
      const [x, y] = [Math.round(toPixel(targets[2 * k])), Math.round(toPixel(targets[2 * k + 1]))];
      assert.ok(x > 0 && y > 0 && x < LANDMARK_SIDE - 1 && y < LANDMARK_SIDE - 1, 'inside the crop');
      if (pixels[3 * (LANDMARK_SIDE * y + x)] > mean + 0.2) white++;
    }
    const nose = targets[4] - (targets[0] + targets[2]) / 2;
    if (nose < 0) mirrored++;
  }
  assert.ok(white > 440, `${white} of 500 points lie on their discs; the others are covered by noise`);
  assert.ok(mirrored > 20 && mirrored < 80, `the nose is left of the middle in ${mirrored} of 100`);
});

test('the same seed gives the same sample, and the photo is left as it is', () => {
  const before = Uint8Array.from(FACE.photo.data);
  assert.equal(makeSample(FACE, 7), makeSample(FACE, 7));
  assert.not.equal(makeSample(FACE, 7), makeSample(FACE, 8));
  assert.equal(Uint8Array.from(FACE.photo.data), before);
});

test('whoever can wear a mask does, covered below and in the box that is found with it; nobody unless asked for', () => {
  const size = { width: 110, height: 110 };
  const { image, landmarks, box } = syntheticPhoto(syntheticPerson(random(8)), stream(8, 1), size);
  const bare: LabelledFace = { photo: image, box, points: fivePoints(landmarks) };
  const wearerBox: Box = [box[0] + 4, box[1], box[2], box[3]];
  const masked = { ...bare, wearer: { outline: landmarks, box: wearerBox } };
  const still = { rotation: 0, shift: 0, zoom: 0, stretch: 0 };
  const sampleOf = (face: LabelledFace, seed: number, masks: number) => {
    const pixels = new Float32Array(LANDMARK_SIDE * LANDMARK_SIDE * 3);
    const targets = new Float32Array(10);
    landmarkSample(face, pixels, targets, { random: random(seed), augmentation: { ...still, masks } });
    return { pixels, targets };
  };
  const { targets: expected } = makeSample({ ...bare, box: wearerBox });
  // The upper lip, and between the brows: of one colour, unless one is covered (some masks are worn under the chin).
  const contrastOf = ({ pixels, targets }: ReturnType<typeof sampleOf>) => {
    const colourAt = (x: number, y: number) => {
      const at = 3 * (LANDMARK_SIDE * Math.round(y) + Math.round(x));
      return pixels.subarray(at, at + 3);
    };
    const [noseX, noseY, mouthY] = [toPixel(targets[4]), toPixel(targets[5]), toPixel(targets[7])];
    const eyesX = toPixel((targets[0] + targets[2]) / 2);
    return euclideanDistance(colourAt(noseX, (noseY + mouthY) / 2), colourAt(eyesX, toPixel(targets[1])));
  };
  let [covered, open] = [0, 0];
  for (let seed = 0; seed < 40; seed++) {
    assert.equal(sampleOf(masked, seed, 0), sampleOf(bare, seed, 0));
    const sample = sampleOf(masked, seed, 1);
    assert.ok(Math.abs(Math.abs(sample.targets[4]) - Math.abs(expected[4])) < 1e-5, 'mirrored or not');
    covered += contrastOf(sample) / 40;
    open += contrastOf(sampleOf(bare, seed, 1)) / 40;
  }
  assert.ok(covered > 1.3 * open, `${covered} beside ${open}`);
});

test('a box beyond the photo gives a crop that is black there', () => {
  const { pixels } = makeSample({ ...FACE, box: [-500, -500, 40, 50] });
  assert.ok(pixels.every((value) => value === 0));
});

test.run();
