import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Point } from '../../src/face/align';
import { fitHomography, type Homography, invertHomography, project } from '../../src/face/homography';
import { random } from '../../src/tensor/random';

const test = suite('homographies');

const SQUARE: Point[] = [
  [0, 0],
  [1, 0],
  [1, 1],
  [0, 1],
];
/** What a square looks like that leans back. */
const LEANING: Point[] = [
  [120, 80],
  [180, 84],
  [210, 190],
  [95, 200],
];

const isNear = ([x, y]: Point, [otherX, otherY]: Point, most: number, what: string) =>
  assert.ok(Math.hypot(x - otherX, y - otherY) <= most, `${what}: ${x}, ${y} is not ${otherX}, ${otherY}`);

test('four pairs are met exactly, there and back', () => {
  const map = fitHomography(SQUARE, LEANING);
  for (const [k, point] of SQUARE.entries()) {
    isNear(project(map, point), LEANING[k], 1e-9, `corner ${k}`);
    isNear(project(invertHomography(map), LEANING[k]), point, 1e-9, `corner ${k} back`);
  }
  // The diagonals' crossing stays their crossing: a straight line stays one.
  const [x, y] = project(map, [0.5, 0.5]);
  for (const [a, b] of [
    [LEANING[0], LEANING[2]],
    [LEANING[1], LEANING[3]],
  ])
    assert.ok(Math.abs((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) < 1e-6);
});

test('a known map is found again from more pairs', () => {
  const known: Homography = [1.2, -0.3, 40, 0.2, 0.9, -7, 0.0008, -0.0004, 1];
  const { between } = random(3);
  const source = Array.from({ length: 9 }, (): Point => [between(-200, 300), between(-200, 300)]);
  const map = fitHomography(
    source,
    source.map((point) => project(known, point)),
  );
  for (const point of SQUARE.map(([x, y]): Point => [300 * x, 200 * y]))
    isNear(project(map, point), project(known, point), 1e-6, `${point}`);
});

test('six pairs that no map meets are met better than by a map of four of them', () => {
  const source: Point[] = [...SQUARE, [0.5, 0.2], [0.3, 0.8]];
  const { normal } = random(5);
  const target = source.map(([x, y]): Point => [3 * x - y + 0.05 * normal(), x + 2 * y + 0.05 * normal()]);
  const map = fitHomography(source, target);
  const errors = (some: Homography) =>
    source.reduce((sum, point, k) => {
      const [x, y] = project(some, point);
      return sum + (x - target[k][0]) ** 2 + (y - target[k][1]) ** 2;
    }, 0);
  const affine = fitHomography(SQUARE, target.slice(0, 4));
  assert.ok(errors(map) < errors(affine), 'better than the map of four of them');
  assert.ok(Math.sqrt(errors(map) / source.length) < 0.1, `${errors(map)}`);
});

test('what determines no map is refused in a sentence', () => {
  const line = SQUARE.map(([x]): Point => [x, 2 * x]);
  assert.throws(() => fitHomography(SQUARE.slice(1), LEANING.slice(1)), /3 points and 3 targets; at least four pairs/);
  assert.throws(() => fitHomography(SQUARE, LEANING.slice(1)), /4 points and 3 targets/);
  assert.throws(() => fitHomography([...line], LEANING), /do not determine a map/);
  assert.throws(
    () =>
      fitHomography(
        SQUARE,
        SQUARE.map((): Point => [2, 3]),
      ),
    /the points coincide/,
  );
});

test.run();
