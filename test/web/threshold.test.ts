import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { pairsIn, rocOfHistogram } from '../../src/face/distance-histogram';
import { CALIBRATION } from '../../src/face/embed';
import { auc } from '../../src/face/metrics';
import recorded from '../../web/compare/lfw-distances.json';
import { inWords, ratesAt } from '../../web/compare/threshold-charts';

const test = suite('what a threshold does to recorded pairs');

test('by hand: of four pairs of one person three are nearer, of two of strangers one', () => {
  const pairs = { width: 0.1, same: [1, 2, 0, 1], different: [0, 0, 1, 0], withoutFace: { same: 0, different: 1 } };
  assert.equal(ratesAt(pairs, 0.3), {
    accepted: { same: 3, different: 1 },
    all: { same: 4, different: 2 },
    same: 0.75,
    different: 0.5,
    right: 4 / 6,
  });
});

test('rates in words', () => {
  assert.equal([0, 1 / 1600, 0.005, 0.3, 0.31, 1].map(inWords), [
    'none',
    'one in 1,600',
    'one in 200',
    'one in 3',
    '31 %',
    '100 %',
  ]);
});

test('the recorded pairs are all of View 1, and at the threshold as many are right as the command says', () => {
  assert.equal(
    recorded.pairs.map(({ photos }) => photos),
    ['unmasked-unmasked', 'masked-unmasked', 'masked-masked'],
  );
  for (const { distances } of recorded.pairs) assert.equal(pairsIn(distances), { same: 1600, different: 1600 });
  const [{ distances }] = recorded.pairs;
  const { threshold, falseMatchRate = 0 } = CALIBRATION.flip;
  const rates = ratesAt(distances, threshold);
  // The folds of `likeness evaluate lfw --view 1 --own-threshold`: of 2,200 and of 1,000 pairs.
  assert.is(Math.round(3200 * rates.right), Math.round(0.993181818 * 2200 + 0.991 * 1000));
  assert.ok(rates.different <= falseMatchRate, `${rates.different}`);
  // The command's area is that of the pairs it scored, those of pairsDevTest and pairsDevTrain together.
  assert.ok(Math.abs(auc(rocOfHistogram(distances)) - 0.999584766) < 1e-4, `${auc(rocOfHistogram(distances))}`);
});

test.run();
