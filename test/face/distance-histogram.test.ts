import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { acceptedAt, distanceHistogram, pairsIn, rocOfHistogram } from '../../src/face/distance-histogram';
import { chooseThresholds, forCurves, pairFigures, type ScoredPairs } from '../../src/face/evaluate';
import { auc, roc } from '../../src/face/metrics';
import { stream } from '../../src/tensor/random';

const test = suite('histograms of distances');

const scoredOf = (pairs: readonly (readonly [squared: number, same: boolean])[]): ScoredPairs => ({
  pairs: pairs.map(([, same]) => ({ files: ['a.jpg', 'b.jpg'], same, fold: 0 })),
  squared: pairs.map(([squared]) => squared),
  same: pairs.map(([, same]) => same),
  folds: pairs.map(() => 0),
});

/** Distances that overlap, as those of faces do. */
function drawn(): ScoredPairs {
  const { next } = stream(3, 0);
  return scoredOf(
    Array.from({ length: 400 }, (_, k) => {
      const same = k % 2 === 0;
      return [((same ? 0.1 : 0.3) + 0.4 * next()) ** 2, same] as const;
    }),
  );
}

test('a bin has the distances up to its end, the first has 0 as well, and faceless pairs are in none', () => {
  const { POSITIVE_INFINITY: beyond, NEGATIVE_INFINITY: before } = Number;
  const pairs = scoredOf([
    [0, true],
    [0.5 ** 2, true],
    [0.51 ** 2, true],
    [beyond, true],
    [1, false],
    [1.2 ** 2, false],
    [before, false],
    [before, false],
  ]);
  const histogram = distanceHistogram(pairs, 0.5);
  assert.equal(histogram, {
    width: 0.5,
    same: [2, 1, 0],
    different: [0, 1, 1],
    withoutFace: { same: 1, different: 2 },
  });
  assert.equal(pairsIn(histogram), { same: 4, different: 4 });
  assert.equal(acceptedAt(histogram, 0), { same: 0, different: 0 });
  assert.equal(acceptedAt(histogram, 0.5), { same: 2, different: 0 });
  assert.equal(acceptedAt(histogram, 0.75), { same: 2.5, different: 0.5 });
  assert.equal(acceptedAt(histogram, 9), { same: 3, different: 2 }, 'faceless pairs are never accepted');
  assert.equal(distanceHistogram(scoredOf([])), {
    width: 0.004,
    same: [],
    different: [],
    withoutFace: { same: 0, different: 0 },
  });
});

test('at the end of each bin as many are accepted as there are pairs that near', () => {
  const scored = drawn();
  const histogram = distanceHistogram(scored);
  for (let k = 0; k <= histogram.same.length + 3; k++) {
    const threshold = k * histogram.width;
    const count = (kind: boolean) =>
      scored.squared.filter((squared, at) => scored.same[at] === kind && Math.sqrt(squared) <= threshold).length;
    assert.equal(acceptedAt(histogram, threshold), { same: count(true), different: count(false) }, `${threshold}`);
  }
});

test('accuracy at a threshold and the curve are those of the pairs themselves', () => {
  const scored = drawn();
  const histogram = distanceHistogram(scored);
  const all = pairsIn(histogram);
  for (const threshold of [0.3, 0.4, 0.412]) {
    const { accuracy } = pairFigures(scored, chooseThresholds(scored, { threshold }), { seed: 1, samples: 1 });
    const { same, different } = acceptedAt(histogram, threshold);
    assert.ok(Math.abs((same + all.different - different) / (all.same + all.different) - accuracy) < 1e-12);
  }
  const exact = roc(forCurves(scored.squared), scored.same);
  const coarse = rocOfHistogram(histogram);
  assert.equal(coarse[0], { threshold: 0, far: 0, tar: 0 });
  assert.equal([coarse.at(-1)?.far, coarse.at(-1)?.tar], [1, 1]);
  for (const { threshold, far, tar } of coarse.slice(1)) {
    const at = exact.findLast((point) => Math.sqrt(point.threshold) <= threshold + 1e-9);
    assert.equal([at?.far, at?.tar], [far, tar], `${threshold}`);
  }
  assert.ok(Math.abs(auc(coarse) - auc(exact)) < 1e-3, `${auc(coarse)}, exactly ${auc(exact)}`);
});

test.run();
