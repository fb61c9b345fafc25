import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CALIBRATION, PRETRAINED } from '../../src/face/embed';
import {
  operatingPoints,
  probabilities,
  rateOfComparison,
  thresholdForComparison,
} from '../../src/gallery/false-matches';
import { assertClose, thrown } from '../helpers/numbers';

const test = suite('false matches of a search');

test('the rate of one comparison gives the rate of the search', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-6, max: 0.9, noNaN: true }), fc.integer({ min: 1, max: 1000 }), (rate, count) => {
      assertClose([1 - (1 - rateOfComparison(rate, count)) ** count], [rate], 1e-9);
    }),
  );
  assert.is(rateOfComparison(0.01, 1), 0.01);
  assertClose([rateOfComparison(0.01, 1e6) * 1e8], [1.005], 1e-3);
});

const LINE = {
  points: [
    { threshold: 0.5, falseMatchRate: 1e-2 },
    { threshold: 0.4, falseMatchRate: 1e-3 },
    { threshold: 0.35, falseMatchRate: 1e-4 },
  ],
  origin: 'by hand',
};

test('thresholds: the points, lines between them in distance and log rate, and the last decades drawn on', () => {
  const at = (rate: number) => thresholdForComparison(rate, LINE);
  assertClose([at(1e-2).threshold, at(1e-3).threshold, at(1e-4).threshold], [0.5, 0.4, 0.35], 1e-12);
  assertClose([at(10 ** -2.5).threshold], [0.45], 1e-12);
  assert.is(at(1e-3).isExtrapolated, false);
  // over two decades 0.15, so 0.075 for another one
  assertClose([at(1e-5).threshold], [0.275], 1e-12);
  assert.is(at(1e-5).isExtrapolated, true);
  assert.is(at(1e-30).threshold, 0);
  assert.equal(at(0.5), { threshold: 0.5, falseMatchRate: 1e-2, isExtrapolated: false, origin: 'by hand' });
});

test('the measured points of the pretrained network fall; a larger gallery never has a larger threshold', () => {
  for (const isFlipped of [true, false]) {
    const known = operatingPoints(PRETRAINED.name, isFlipped, undefined);
    for (const [k, { threshold, falseMatchRate }] of known.points.slice(1).entries())
      assert.ok(threshold < known.points[k].threshold && falseMatchRate < known.points[k].falseMatchRate);
    let last = 2;
    for (let size = 1; size <= 1e6; size *= 10) {
      const { threshold } = thresholdForComparison(rateOfComparison(0.01, size), known);
      assert.ok(threshold <= last && threshold > 0.1, `${size}: ${threshold}`);
      last = threshold;
    }
  }
});

test('of a trained model the points of its calibration; one is too few', () => {
  const { points } = operatingPoints('mine', true, CALIBRATION.flip);
  assert.equal(
    points.map(({ falseMatchRate }) => falseMatchRate),
    [0.005, 0.000625],
  );
  assert.match(
    thrown(() => thresholdForComparison(1e-3, operatingPoints('mine', true, undefined))).message,
    /too little is known.*--threshold/,
  );
});

test('probabilities: Bayes by hand, and what is left is nobody', () => {
  const calibration = { threshold: 0.4, slope: 50, centre: 0.4 };
  // Alone in the gallery, at the centre: as likely as nobody.
  assertClose(probabilities([0.4], 1, calibration), [0.5], 1e-12);
  // Of ten people one tenth of a half each; ln 3 / 50 nearer is three times as likely.
  assertClose(probabilities([0.4 - Math.log(3) / 50, 0.4], 10, calibration), [0.3 / 1.4, 0.1 / 1.4], 1e-12);
  const [first, second] = probabilities([0, 0.01], 1e6, { ...calibration, slope: 1e5 });
  assertClose([first, second], [1, 0], 1e-12);
  assert.equal(probabilities([], 5, calibration), []);
});

test.run();
