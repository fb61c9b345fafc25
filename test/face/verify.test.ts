import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CALIBRATION } from '../../src/face/embed';
import {
  type Calibration,
  compareEmbeddings,
  cosineSimilarity,
  euclideanDistance,
  probabilityOf,
  thresholdFor,
} from '../../src/face/verify';
import { assertClose, thrown } from '../helpers/numbers';

const test = suite('verification');

const EXAMPLE: Calibration = { threshold: 0.5, slope: 10, centre: 0.6 };

const unitVector = fc
  .array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 8, maxLength: 8 })
  .filter((values) => Math.hypot(...values) > 0.1)
  .map((values) => values.map((value) => value / Math.hypot(...values)));

test('a threshold for a rate of false matches, and what is known of a threshold', () => {
  const stricter = [{ threshold: 0.3, falseMatchRate: 0.001 }];
  const calibration: Calibration = { ...EXAMPLE, falseMatchRate: 0.008, stricter };
  assert.is(thresholdFor(0.01, calibration), 0.5);
  assert.is(thresholdFor(0.005, calibration), 0.3);
  assert.is(
    thrown(() => thresholdFor(0.0001, calibration)).message,
    'the model has no threshold for a false-match rate of 0.0001; it has them for 0.008, 0.001',
  );
  const rateAt = (threshold?: number) => compareEmbeddings([1, 0], [0, 1], calibration, threshold).falseMatchRate;
  assert.equal([rateAt(), rateAt(0.3), rateAt(0.4)], [0.008, 0.001, undefined]);
});

test('distance and cosine by hand', () => {
  assert.is(euclideanDistance([1, 2, 3], [1, 4, 3]), 2);
  assert.is(euclideanDistance([3, 0], [0, 4]), 5);
  assert.is(cosineSimilarity([1, 0], [0, 1]), 0);
  assert.is(cosineSimilarity([0.6, 0.8], [0.8, 0.6]), 0.96);
});

test('of vectors of length 1, distance squared is 2 - 2 cosine; both are symmetric', () => {
  fc.assert(
    fc.property(unitVector, unitVector, (a, b) => {
      const distance = euclideanDistance(a, b);
      assertClose([distance ** 2], [2 - 2 * cosineSimilarity(a, b)], 1e-12);
      assert.ok(distance >= 0 && distance <= 2 + 1e-12);
      assert.is(euclideanDistance(b, a), distance);
      assert.is(euclideanDistance(a, a), 0);
    }),
  );
});

test('probability: a half at the centre, falls with distance, from 1 to 0', () => {
  for (const calibration of [EXAMPLE, ...Object.values(CALIBRATION)]) {
    const { centre, slope, threshold } = calibration;
    assert.is(probabilityOf(centre, calibration), 0.5);
    assertClose([probabilityOf(centre + Math.log(3) / slope, calibration)], [0.25], 1e-12);
    let last = 1;
    for (let distance = 0; distance <= 2; distance += 0.01) {
      const probability = probabilityOf(distance, calibration);
      assert.ok(probability > 0 && probability < last, `at ${distance}`);
      last = probability;
    }
    assert.ok(probabilityOf(0, calibration) > 0.99);
    assert.ok(probabilityOf(2, calibration) < 0.01);
    assert.ok(threshold > 0 && threshold < 2);
  }
});

test('a comparison says the same as its parts', () => {
  const [a, b] = [
    [0.6, 0.8],
    [0.8, 0.6],
  ];
  const distance = euclideanDistance(a, b); // 0.2828
  assert.equal(compareEmbeddings(a, b, EXAMPLE), {
    same: true,
    distance,
    cosine: 0.96,
    threshold: 0.5,
    probability: probabilityOf(distance, EXAMPLE),
  });
});

test("the caller's threshold decides, the boundary included; the probability stays", () => {
  const [a, b] = [
    [1, 0],
    [0.6, 0.8],
  ];
  const distance = euclideanDistance(a, b);
  const { probability } = compareEmbeddings(a, b, EXAMPLE);
  for (const [threshold, same] of [
    [distance, true],
    [distance + 0.01, true],
    [distance - 0.01, false],
    [0, false],
  ] as const) {
    const comparison = compareEmbeddings(a, b, EXAMPLE, threshold);
    assert.is(comparison.same, same);
    assert.is(comparison.threshold, threshold);
    assert.is(comparison.probability, probability);
  }
  assert.is(compareEmbeddings(a, a, EXAMPLE, 0).same, true);
});

test.run();
