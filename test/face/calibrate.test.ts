import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { calibrate, pairDistances, parseCalibrations } from '../../src/face/calibrate';
import { random } from '../../src/tensor/random';
import { assertClose, thrown } from '../helpers/numbers';

const test = suite('calibration');

/** Distances of a normal distribution. */
function normal(seed: number, count: number, mean: number, deviation: number): number[] {
  const generator = random(seed);
  return Array.from({ length: count }, () => mean + deviation * generator.normal());
}

test('pairs of four images by hand', () => {
  const embeddings = [
    [0, 1],
    [0, 1],
    [1, 0],
    [0.6, 0.8],
  ];
  const { same, different } = pairDistances(embeddings, [0, 0, 1, 1]);
  assertClose(same, [0, Math.sqrt(0.4 ** 2 + 0.8 ** 2)], 1e-12);
  assert.is(different.length, 4);
});

test('the threshold by hand: one false match in a hundred, and not two', () => {
  const different = Array.from({ length: 200 }, (_, k) => 1 + k / 1000);
  // Two of 200 may match; the third, at 1.002, may not.
  const found = calibrate({ same: [0.4, 0.5, 0.6], different });
  assertClose([found?.threshold ?? 0], [1.0015], 1e-12);
  assert.is(found?.centre, found?.threshold);
  assert.is(found?.falseMatchRate, 0.01);
  // With ninety-nine none may.
  const few = calibrate({ same: [0.4, 0.6], different: different.slice(0, 99) });
  assertClose([few?.threshold ?? 0], [0.8], 1e-12);
  assert.is(few?.falseMatchRate, 0);
});

test('with a thousand different pairs there is a stricter threshold: one false match in a thousand', () => {
  const different = Array.from({ length: 1000 }, (_, k) => 1 + k / 1000);
  const found = calibrate({ same: [0.4, 0.5, 0.6], different }, 'a list by hand');
  assert.is(found?.origin, 'a list by hand');
  assert.is(found?.stricter?.length, 1);
  assertClose([found?.stricter?.[0].threshold ?? 0], [1.0005], 1e-12);
  assert.is(found?.stricter?.[0].falseMatchRate, 0.001);
  assert.equal(parseCalibrations(JSON.stringify({ flip: found }), 'm'), { flip: found });
  assert.is(calibrate({ same: [0.4], different: different.slice(0, 999) })?.stricter, undefined);
});

test('at most one in a hundred matches falsely, and no higher threshold would do', () => {
  const distances = fc.array(fc.double({ min: 0, max: 2, noNaN: true }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(distances, distances, (same, different) => {
      const found = calibrate({ same, different });
      if (!found) return;
      const rate = (limit: number) => different.filter((distance) => distance <= limit).length / different.length;
      assert.ok(rate(found.threshold) <= 0.01 && rate(found.threshold) === found.falseMatchRate);
      const higher = [...same, ...different].filter((distance) => distance > found.threshold);
      assert.ok(higher.every((distance) => rate(distance) > 0.01));
      assert.ok(found.slope > 0 && Number.isFinite(found.slope));
    }),
  );
});

test('of two normal distributions the slope is the difference of means by the variance, however many pairs of each', () => {
  for (const [sameCount, differentCount] of [
    [20_000, 20_000],
    [3000, 60_000],
  ]) {
    const same = normal(1, sameCount, 0.7, 0.15);
    const different = normal(2, differentCount, 1.2, 0.15);
    const found = calibrate({ same, different });
    const expected = (1.2 - 0.7) / 0.15 ** 2;
    assert.ok(Math.abs((found?.slope ?? 0) / expected - 1) < 0.06, `${found?.slope}, expected ${expected}`);
    // The hundredth part of a normal distribution lies 2.326 deviations below its mean.
    assertClose([found?.threshold ?? 0], [1.2 - 2.326 * 0.15], 0.01);
  }
});

test('pairs without a single error give a finite curve', () => {
  const found = calibrate({ same: normal(3, 50, 0.3, 0.02), different: normal(4, 1000, 1.4, 0.02) });
  assert.ok(found && found.slope > 5 && found.slope < 1000, `${found?.slope}`);
  assert.ok(calibrate({ same: [0.1], different: [1.9] }));
});

test('nothing is made up', () => {
  assert.is(calibrate({ same: [], different: [1] }), undefined);
  assert.is(calibrate({ same: [1], different: [] }), undefined);
  assert.is(calibrate({ same: [1.5, 1.4], different: [0.4, 0.5] }), undefined, 'those of one person are farther');
  assert.is(calibrate({ same: [1, 1], different: [1, 1] }), undefined, 'all the same');
  assert.is(calibrate({ same: [0, 0], different: [0, 0, 1] }), undefined, 'no distance is small enough');
});

test('metadata come back, and what is no calibration is refused', () => {
  const flip = { threshold: 0.9, slope: 12, centre: 0.9, falseMatchRate: 0.01 };
  assert.equal(parseCalibrations(JSON.stringify({ flip }), 'm'), { flip });
  assert.equal(parseCalibrations(undefined, 'm'), {});
  for (const json of [
    '',
    '7',
    'null',
    '{"flip":{"threshold":"0.4"}}',
    '{"plain":{"threshold":0.4,"slope":3}}',
    '{"flip":{"threshold":0.4,"slope":3,"centre":0.4,"stricter":[{"threshold":0.3}]}}',
  ])
    assert.is(
      thrown(() => parseCalibrations(json, 'm.safetensors')).message,
      'm.safetensors: holds a calibration that cannot be understood',
    );
});

test.run();
