import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Point } from '../../src/face/align';
import { project } from '../../src/face/homography';
import type { RawImage } from '../../src/face/image';
import {
  drawMask,
  drawMaskOn,
  MASK_COLOURS,
  MASK_KINDS,
  MASK_PATTERNS,
  MASK_WEARINGS,
  type MaskStyle,
  randomMask,
} from '../../src/face/mask';
import { controlPoints, controlPointsAt, faceFrame, toPlanePoint, yawOf } from '../../src/face/mask-geometry';
import { random, stream } from '../../src/tensor/random';
import { faceAt, turnedFaceAt, USUAL_FACE } from '../helpers/face-points';

const test = suite('masks');
const SIDE = 112;
const BRIDGE: Point = [56, 48];
const UNIT = 50;
const FACE = faceAt(BRIDGE, UNIT);
const STYLE: MaskStyle = { ...randomMask(random(1)), kind: 'surgical', wearing: 'full', pattern: 'plain', seed: 5 };

/** Skin all over, with eyes; `light` says how bright it is at a place, 1 unless told. */
function skin(light: (x: number, y: number) => number = () => 1, [red, green, blue] = [190, 150, 128]): RawImage {
  const data = new Uint8ClampedArray(4 * SIDE * SIDE).fill(255);
  for (let y = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++) {
      const isEye = FACE.slice(36, 48).some(([eyeX, eyeY]) => Math.hypot(x - eyeX, y - eyeY) < 2);
      const here = light(x, y) * (isEye ? 0.3 : 1);
      data.set([red * here, green * here, blue * here], 4 * (y * SIDE + x));
    }
  return { width: SIDE, height: SIDE, data };
}

const pixel = ({ data }: RawImage, [x, y]: Point): number[] => {
  const at = 4 * (Math.round(y) * SIDE + Math.round(x));
  return [...data.slice(at, at + 3)];
};
const brightness = (image: RawImage, place: Point) => pixel(image, place).reduce((sum, value) => sum + value, 0) / 3;
const differs = (a: RawImage, b: RawImage, place: Point) =>
  pixel(a, place).some((value, k) => Math.abs(value - pixel(b, place)[k]) > 25);

/** The middle of some landmarks. */
const middle = (landmarks: readonly Point[], ...places: number[]): Point => [
  places.reduce((sum, k) => sum + landmarks[k][0], 0) / places.length,
  places.reduce((sum, k) => sum + landmarks[k][1], 0) / places.length,
];
const places = (landmarks: readonly Point[]) => ({
  eyes: [middle(landmarks, 36, 39), middle(landmarks, 42, 45)],
  nose: [landmarks[30]],
  mouth: [middle(landmarks, 62, 66), landmarks[48], landmarks[54]],
  chin: [middle(landmarks, 8, 57, 8)],
});

const everyStyle = MASK_KINDS.flatMap((kind) =>
  MASK_WEARINGS.flatMap((wearing) =>
    MASK_PATTERNS.map(
      (pattern, k): MaskStyle => ({
        kind,
        wearing,
        pattern,
        colour: MASK_COLOURS.blue,
        ink: MASK_COLOURS.navy,
        seed: k,
      }),
    ),
  ),
);

test('every kind, wearing and pattern covers what it should, and leaves the eyes and all far away as they are', () => {
  const photo = skin();
  const before = photo.data.slice();
  const { eyes, nose, mouth, chin } = places(FACE);
  for (const style of everyStyle) {
    const name = `${style.kind}, ${style.wearing}, ${style.pattern}`;
    const masked = drawMask(photo, FACE, style);
    const covered = { full: [...nose, ...mouth, ...chin], nose: [...mouth, ...chin], chin }[style.wearing];
    const free = [...eyes, ...{ full: [], nose, chin: [...nose, middle(FACE, 62, 51)] }[style.wearing]];
    for (const place of covered) assert.ok(differs(masked, photo, place), `${name}: ${place} is covered`);
    for (const place of free) assert.equal(pixel(masked, place), pixel(photo, place), `${name}: ${place} is free`);
    const isFar = (k: number) => k % SIDE < 8 || k % SIDE > SIDE - 8 || k < 25 * SIDE;
    const changed = before.findIndex((value, k) => isFar(k >> 2) && masked.data[k] !== value) >> 2;
    assert.is(changed, -1, `${name}: pixel ${changed % SIDE}, ${Math.floor(changed / SIDE)} is far away`);
  }
  assert.equal(photo.data, before, 'the photo that is given stays as it is');
});

test('the same seed gives the same mask, another one another', () => {
  for (const kind of MASK_KINDS) {
    const style = { ...STYLE, kind };
    assert.equal(drawMask(skin(), FACE, style).data, drawMask(skin(), FACE, style).data, kind);
    assert.not.equal(drawMask(skin(), FACE, style).data, drawMask(skin(), FACE, { ...style, seed: 6 }).data, kind);
  }
  assert.equal(randomMask(stream(4, 2)), randomMask(stream(4, 2)));
});

test('random masks are of all kinds, wearings and patterns; what is given stays', () => {
  const masks = Array.from({ length: 400 }, (_, k) => randomMask(stream(1, k)));
  for (const kind of MASK_KINDS) assert.ok(masks.filter((mask) => mask.kind === kind).length > 30, kind);
  for (const wearing of MASK_WEARINGS) assert.ok(masks.filter((mask) => mask.wearing === wearing).length > 20, wearing);
  for (const pattern of MASK_PATTERNS) assert.ok(masks.filter((mask) => mask.pattern === pattern).length > 5, pattern);
  for (const { colour, ink } of masks)
    for (const value of [...colour, ...ink]) assert.ok(value >= 0 && value <= 1, `${colour}, ${ink}`);
  const given = { kind: 'n95', wearing: 'chin', colour: MASK_COLOURS.red } as const;
  for (let k = 0; k < 20; k++) {
    const { kind, wearing, colour } = randomMask(stream(2, k), given);
    assert.equal({ kind, wearing, colour }, given);
  }
});

test('the mask is as bright as the face is lit, from the side that its light comes from', () => {
  const white = { ...STYLE, colour: MASK_COLOURS.white };
  const cheeks: [Point, Point] = [middle(FACE, 48, 4), middle(FACE, 54, 12)];
  const bright = drawMask(skin(), FACE, white);
  const dark = drawMask(
    skin(() => 0.25),
    FACE,
    white,
  );
  for (const cheek of cheeks)
    assert.ok(brightness(dark, cheek) < 0.6 * brightness(bright, cheek), `${brightness(dark, cheek)} in the dark`);
  for (const [from, to] of [
    [0, 1],
    [1, 0],
  ] as const) {
    // A quarter of the light on one side, all of it on the other.
    const side = drawMask(
      skin((x) => 0.25 + 0.75 * (from === 0 ? 1 - x / SIDE : x / SIDE)),
      FACE,
      white,
    );
    assert.ok(
      brightness(side, cheeks[from]) > 1.3 * brightness(side, cheeks[to]),
      `lit from ${from}: ${cheeks.map((cheek) => brightness(side, cheek))}`,
    );
  }
  const grey = drawMask(skin(undefined, [150, 150, 150]), FACE, { ...STYLE, colour: MASK_COLOURS.red });
  const [red, green, blue] = pixel(grey, FACE[57]);
  assert.ok(red - Math.min(green, blue) < 8, `grey photos get grey masks: ${red}, ${green}, ${blue}`);
});

test('a turned head: the yaw is told by its sign, and the near half of the mask is the wide one', () => {
  assert.ok(Math.abs(yawOf(FACE)) < 1e-3, 'a frontal face');
  let last = -2;
  for (const degrees of [-50, -35, -20, -13, 13, 20, 35, 50]) {
    const turned = turnedFaceAt(BRIDGE, UNIT, (degrees * Math.PI) / 180);
    const yaw = yawOf(turned);
    assert.ok(yaw > last && Math.sign(yaw) === Math.sign(degrees), `${degrees} degrees: ${yaw} after ${last}`);
    last = yaw;
    const masked = drawMask(skin(), turned, { ...STYLE, colour: MASK_COLOURS.navy });
    const line = Math.round(turned[33][1] + 0.2 * UNIT);
    const covered = Array.from({ length: SIDE }, (_, x) => x).filter((x) => differs(masked, skin(), [x, line]));
    const ridge = turned[51][0];
    const [left, right] = [covered.filter((x) => x < ridge).length, covered.filter((x) => x >= ridge).length];
    const [near, far] = degrees > 0 ? [left, right] : [right, left];
    assert.ok(near > 1.4 * far && near > 5, `${degrees} degrees: ${near} and ${far} pixels`);
  }
});

test('the six control points of a face in the canonical pose are met', () => {
  const { points, unit } = controlPoints(FACE);
  assert.ok(Math.abs(unit - UNIT) < 1e-9, `${unit}`);
  for (const [k, point] of controlPointsAt(0).entries()) {
    const [x, y] = project(faceFrame(FACE).toPhoto, point);
    assert.ok(Math.hypot(x - points[k][0], y - points[k][1]) < 0.03 * UNIT, `point ${k}: ${x}, ${y}, ${points[k]}`);
  }
  for (const yaw of [-1, 0, 1]) {
    const far = toPlanePoint(yaw, yaw * 0.6, 0.5);
    assert.is(far === undefined, yaw !== 0, 'what the turn of the head hides has no place');
  }
});

test('turning the picture turns the mask, whatever its size', () => {
  const style = { ...STYLE, colour: MASK_COLOURS.black };
  for (const angle of [-0.6, 0.4, 1.5]) {
    const turned = faceAt([56, 56], 40, angle);
    const masked = drawMask(skin(), turned, style);
    const { mouth, nose, chin } = places(turned);
    for (const place of [...mouth, ...nose, ...chin]) assert.ok(differs(masked, skin(), place), `${angle}: ${place}`);
  }
  for (const unit of [6, 20, 140]) {
    const face = faceAt([56, 56 - unit / 2], unit);
    assert.ok(differs(drawMask(skin(), face, style), skin(), face[57]), `a face of ${unit} pixels`);
  }
});

test('pixels as training has them give the same picture, and in grey its luma', () => {
  const photo = skin();
  const colours = Float32Array.from(
    { length: 3 * SIDE * SIDE },
    (_, k) => photo.data[4 * Math.floor(k / 3) + (k % 3)] / 255,
  );
  const before = colours.slice();
  const shape = { width: SIDE, height: SIDE, channels: 3 } as const;
  const drawn = drawMaskOn(colours, shape, FACE, STYLE);
  assert.equal(colours, before);
  const masked = drawMask(photo, FACE, STYLE);
  const off = drawn.findIndex((value, k) => Math.abs(255 * value - masked.data[4 * Math.floor(k / 3) + (k % 3)]) > 1);
  assert.is(off, -1, `the number ${off}`);
  const grey = new Float32Array(SIDE * SIDE).fill(0.6);
  const drawnGrey = drawMaskOn(grey, { ...shape, channels: 1 }, FACE, { ...STYLE, colour: MASK_COLOURS.black });
  assert.ok(drawnGrey.length === grey.length && drawnGrey.every((value) => value >= 0 && value <= 1));
  assert.ok(drawnGrey[Math.round(FACE[57][1]) * SIDE + 56] < 0.3);
  assert.ok(Math.abs(drawnGrey[5 * SIDE + 56] - 0.6) < 1e-6);
});

test('a face that lies half or wholly outside does no harm', () => {
  for (const [x, y] of [
    [0, 50],
    [112, 100],
    [56, -20],
    [-300, 50],
    [56, 900],
  ]) {
    const photo = skin();
    const masked = drawMask(photo, faceAt([x, y], UNIT), STYLE);
    assert.is(masked.data.length, photo.data.length);
    if (x < -200 || y > 800) assert.equal(masked.data, photo.data);
  }
});

test('landmarks that are none are refused in a sentence', () => {
  const refused: [string, Point[], RegExp][] = [
    ['five points', FACE.slice(0, 5), /needs the 68 landmarks of a face, not 5/],
    ['none', [], /needs the 68 landmarks of a face, not 0/],
    ['all in one place', FACE.map((): Point => [4, 4]), /no face/],
    ['on a line', FACE.map(([x]): Point => [x, 7]), /no face/],
    ['not numbers', FACE.map((): Point => [Number.NaN, 3]), /no face/],
    [
      'one that is no number',
      FACE.map((point, k): Point => (k === 3 ? [Number.POSITIVE_INFINITY, 3] : point)),
      /no face/,
    ],
  ];
  for (const [name, landmarks, sentence] of refused)
    assert.throws(() => drawMask(skin(), landmarks, STYLE), sentence, name);
  assert.is(USUAL_FACE.length, 68);
});

test.run();
