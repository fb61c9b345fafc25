import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type Affine,
  ARCFACE_TEMPLATE,
  apply,
  boxTransform,
  chipTransform,
  DLIB_TEMPLATE,
  distanceApart,
  invert,
  mirrored,
  type Point,
  type Template,
  umeyama,
} from '../../src/face/align';
import { random } from '../../src/tensor/random';
import { assertClose } from '../helpers/numbers';

const test = suite('alignment');

const coordinate = fc.double({ min: -1000, max: 1000, noNaN: true });
const point = fc.tuple(coordinate, coordinate);
const spread = (points: readonly Point[]) =>
  Math.max(...points.map(([x, y]) => Math.hypot(x - points[0][0], y - points[0][1])));
/** Two to seven points, not all in one place. */
const points = fc.array(point, { minLength: 2, maxLength: 7 }).filter((all) => spread(all) > 1);
const similarity = fc
  .tuple(fc.double({ min: -Math.PI, max: Math.PI, noNaN: true }), fc.double({ min: 0.05, max: 20, noNaN: true }), point)
  .map(([angle, factor, [x, y]]): Affine => {
    const [cosine, sine] = [factor * Math.cos(angle), factor * Math.sin(angle)];
    return [cosine, -sine, x, sine, cosine, y];
  });

const squaredError = (transform: Affine, source: readonly Point[], target: readonly Point[]): number =>
  source.reduce((sum, from, i) => {
    const [x, y] = apply(transform, from);
    return sum + (x - target[i][0]) ** 2 + (y - target[i][1]) ** 2;
  }, 0);

/**
 * The same least squares by other means: a similarity is linear in (a, d, c, f), x' = a x - d y + c and
 * y' = d x + a y + f, so that the normal equations are four by four. Solved by Gauss and Jordan.
 */
function leastSquares(source: readonly Point[], target: readonly Point[]): Affine {
  const rows = source.flatMap(([x, y], i) => [
    [x, -y, 1, 0, target[i][0]],
    [y, x, 0, 1, target[i][1]],
  ]);
  const system = [0, 1, 2, 3].map((i) =>
    [0, 1, 2, 3, 4].map((j) => rows.reduce((sum, row) => sum + row[i] * row[j], 0)),
  );
  for (let k = 0; k < 4; k++) {
    const best = [0, 1, 2, 3].slice(k).reduce((a, b) => (Math.abs(system[b][k]) > Math.abs(system[a][k]) ? b : a));
    [system[k], system[best]] = [system[best], system[k]];
    system[k] = system[k].map((value) => value / system[k][k]);
    for (let i = 0; i < 4; i++)
      if (i !== k) system[i] = system[i].map((value, j) => value - system[i][k] * system[k][j]);
  }
  const [a, d, c, f] = system.map((row) => row[4]);
  return [a, -d, c, d, a, f];
}

test('a known similarity is recovered', () => {
  fc.assert(
    fc.property(points, similarity, (source, known) => {
      const found = umeyama(
        source,
        source.map((from) => apply(known, from)),
      );
      assertClose(found, known, 1e-9);
    }),
  );
});

test('noisy points: as least squares solved by Gauss and Jordan', () => {
  const generator = random(1);
  for (let round = 0; round < 200; round++) {
    const draw = (): Point => [50 * generator.normal(), 50 * generator.normal()];
    const source = Array.from({ length: 2 + generator.below(8) }, draw);
    const target = source.map(draw);
    assertClose(umeyama(source, target), leastSquares(source, target), 1e-9);
  }
});

test('no similarity comes closer', () => {
  fc.assert(
    fc.property(points, fc.array(point, { minLength: 7, maxLength: 7 }), similarity, (source, targets, other) => {
      const target = targets.slice(0, source.length);
      const [a, b, c, d, e, f] = umeyama(source, target);
      const best = squaredError([a, b, c, d, e, f], source, target);
      const nudged = (t: number): Affine => [
        a + t * other[0] * 1e-3,
        b + t * other[1] * 1e-3,
        c + t,
        d + t * other[3] * 1e-3,
        e + t * other[4] * 1e-3,
        f - t,
      ];
      for (const one of [other, nudged(1), nudged(-1)])
        assert.ok(squaredError(one, source, target) >= best * (1 - 1e-9), 'a better one');
    }),
  );
});

test('points on a line', () => {
  const source: Point[] = [
    [0, 0],
    [1, 1],
    [3, 3],
  ];
  const known: Affine = [0, -2, 5, 2, 0, 7]; // a quarter turn, twice the size
  assertClose(
    umeyama(
      source,
      source.map((from) => apply(known, from)),
    ),
    known,
    1e-12,
  );
});

test('points that coincide are refused', () => {
  const target: Point[] = [
    [0, 0],
    [1, 1],
  ];
  for (const source of [
    [
      [3, 4],
      [3, 4],
    ],
    [[3, 4]],
  ] satisfies Point[][])
    assert.throws(() => umeyama(source, target), /^align: the points of the face coincide$/);
  assert.throws(
    () =>
      umeyama(
        [
          [Number.NaN, 0],
          [1, 1],
        ],
        target,
      ),
    /coincide/,
  );
});

test('it never mirrors, not even where a mirror image would fit exactly', () => {
  fc.assert(
    fc.property(points, fc.array(point, { minLength: 7, maxLength: 7 }), (source, target) => {
      const [a, b, , d, e] = umeyama(source, target);
      assert.ok(a * e - b * d >= 0);
      assert.ok(a === e && b === -d, 'a similarity');
    }),
  );
  const face = DLIB_TEMPLATE.points.map(([x, y]): Point => [x, y]);
  const [a, b, , d, e] = umeyama(
    face,
    face.map(([x, y]): Point => [-x, y]),
  );
  assert.ok(a * e - b * d > 0);
});

test('invert undoes, both ways', () => {
  fc.assert(
    fc.property(similarity, point, (transform, at) => {
      assertClose(apply(invert(transform), apply(transform, at)), at, 1e-8);
      assertClose(apply(transform, apply(invert(transform), at)), at, 1e-8);
    }),
  );
  assertClose(invert([2, 1, 3, 0, 4, 5]), [0.5, -0.125, -0.875, 0, 0.25, -1.25], 1e-15);
  assert.throws(() => invert([1, 2, 0, 2, 4, 0]), /^align: the transform cannot be undone$/);
});

test('mirrored: column j of the mirrored chip is column side - 1 - j of the chip', () => {
  fc.assert(
    fc.property(similarity, fc.nat(149), fc.nat(149), (chip, i, j) => {
      assertClose(apply(mirrored(chip, 150), [j, i]), apply(chip, [149 - j, i]), 1e-9);
      assertClose(mirrored(mirrored(chip, 150), 150), chip, 1e-9);
    }),
  );
});

test('a box fills its chip, with its margin, stretched to a square', () => {
  const toPhoto = boxTransform([100, 40, 50, 80], { side: 160, margin: 0.1 });
  // Corners of the chip, which lie half a pixel before the middle of the first pixel and after that of the last.
  assertClose(apply(toPhoto, [-0.5, -0.5]), [95 - 0.5, 32 - 0.5], 1e-9);
  assertClose(apply(toPhoto, [159.5, 159.5]), [155 - 0.5, 128 - 0.5], 1e-9);
});

/** 68 landmarks, of which those that the template looks at lie where the template has them. */
function landmarksOn({ points: template, landmarks }: Template): Point[] {
  const all = Array.from({ length: 68 }, (): Point => [Number.NaN, Number.NaN]);
  landmarks.forEach((group, k) => {
    group.forEach((landmark, i) => {
      // Around the template's point, so that the mean is the point itself.
      const angle = (2 * Math.PI * i) / group.length;
      const radius = group.length > 1 ? 4 : 0;
      all[landmark] = [template[k][0] + radius * Math.cos(angle), template[k][1] + radius * Math.sin(angle)];
    });
  });
  return all;
}

for (const [name, template] of Object.entries({ dlib: DLIB_TEMPLATE, arcface: ARCFACE_TEMPLATE }))
  test(`a face moved by a similarity is brought back onto the ${name} template`, () => {
    const upright = landmarksOn(template);
    assertClose(chipTransform(upright, template), [1, 0, 0, 0, 1, 0], 1e-9);
    fc.assert(
      fc.property(similarity, (moved) => {
        const toPhoto = chipTransform(
          upright.map((landmark) => apply(moved, landmark)),
          template,
        );
        assertClose(toPhoto, moved, 1e-9);
        for (const at of template.points) assertClose(apply(invert(toPhoto), apply(moved, at)), at, 1e-6);
      }),
    );
    for (const [x, y] of template.points)
      assert.ok(x > 0 && x < template.side && y > 0 && y < template.side, 'inside the chip');
    assert.is(template.points.length, template.landmarks.length);
  });

test('how far apart two maps are: nothing, and a step of so many widths between the eyes', () => {
  const chip: Affine = [1, 0, 0, 0, 1, 0];
  const [[left], [right]] = DLIB_TEMPLATE.five;
  const moved: Affine = [1, 0, 0.25 * (right - left), 0, 1, 0];
  assert.is(distanceApart(chip, chip, DLIB_TEMPLATE), 0);
  assertClose([distanceApart(moved, chip, DLIB_TEMPLATE)], [0.25], 1e-9);
  const twice = (map: Affine): Affine => [2 * map[0], 0, 2 * map[2], 0, 2 * map[4], 2 * map[5]];
  assertClose([distanceApart(twice(moved), twice(chip), DLIB_TEMPLATE)], [0.25], 1e-9);
});

test.run();
