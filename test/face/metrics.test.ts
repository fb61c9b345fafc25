import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  accuracyAt,
  auc,
  averagePrecision,
  bestThreshold,
  bootstrap,
  confusions,
  cumulative,
  eer,
  kFoldAccuracy,
  kFoldTarAtFar,
  openSet,
  quantile,
  rankAccuracy,
  rankOf,
  roc,
  standardError,
  tarAtFar,
  thresholdAtFar,
} from '../../src/face/metrics';
import { random } from '../../src/tensor/random';
import { assertClose, thrown } from '../helpers/numbers';

const test = suite('metrics');

/** Written by test/fixtures/make-sklearn.py. */
const SKLEARN: {
  pairs: {
    same: number[];
    distances: number[];
    far: number[];
    tar: number[];
    thresholds: number[];
    auc: number;
    eer: number;
  }[];
  precisions: { right: number[]; scores: number[]; averagePrecision: number }[];
  ranks: { owners: number[]; distances: number[][]; rank: number[]; confusion: number[][] };
} = JSON.parse(readFileSync('test/fixtures/sklearn.json', 'utf8'));

const INFINITY = Number.POSITIVE_INFINITY;
const same = [true, true, false, true, false, false];
const distances = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];

test('a curve by hand', () => {
  const curve = roc(distances, same);
  assertClose(
    curve.map(({ far }) => far),
    [0, 0, 0, 1 / 3, 1 / 3, 2 / 3, 1],
    1e-12,
  );
  assertClose(
    curve.map(({ tar }) => tar),
    [0, 1 / 3, 2 / 3, 2 / 3, 1, 1, 1],
    1e-12,
  );
  // Of nine comparisons of a same pair with a different one, eight have the same pair nearer.
  assertClose([auc(curve)], [8 / 9], 1e-12);
  // At 0.3 one of three different pairs is accepted and one of three same pairs refused.
  assertClose([eer(curve)], [1 / 3], 1e-12);
});

test('pairs at one distance are accepted together, and are worth a half', () => {
  const curve = roc([0.5, 0.5, 0.5, 0.5], [true, false, true, false]);
  assert.is(curve.length, 2);
  assert.is(auc(curve), 0.5);
  assert.is(eer(curve), 0.5);
});

test('pairs without a face are wrong at every threshold', () => {
  const kinds = [true, true, false, false];
  const squared = [0.1, INFINITY, 0.9, -INFINITY];
  for (const threshold of [0, 0.5, 4]) assert.ok(accuracyAt(squared, kinds, threshold) <= 0.5);
  const curve = roc(squared, kinds);
  // A same pair is nearer in one of four comparisons: 0.1 than 0.9.
  assert.is(auc(curve), 0.25);
  assert.is(tarAtFar(squared, kinds, 0.5), 0.5);
  assert.is(tarAtFar(squared, kinds, 0.1), 0, 'the nearest different pair is infinitely near');
});

test('both kinds are needed', () => {
  assert.is(thrown(() => roc([1, 2], [true, true])).message, 'there is no pair of two people; both kinds are needed');
  assert.is(thrown(() => roc([1], [false])).message, 'there is no pair of one person; both kinds are needed');
});

test('the threshold of a false accept rate by hand', () => {
  const different = [5, 1, 4, 2, 3];
  assert.is(thresholdAtFar(different, 0.2), 2, 'below 2 lies one of five');
  assertClose([thresholdAtFar(different, 0.3)], [2.5], 1e-12);
  assertClose([thresholdAtFar(different, 0.1)], [1.5], 1e-12);
  assert.is(thresholdAtFar(different, 1), INFINITY);
  assert.is(tarAtFar([0.5, 1.5, 2.5, ...different], [true, true, true, ...different.map(() => false)], 0.2), 2 / 3);
});

test('the best threshold is the first on the grid', () => {
  assert.is(bestThreshold([0.104, 0.2, 0.5, 0.6], [true, true, false, false]), 0.2);
  assert.is(bestThreshold([1, 2], [false, false]), 0);
  assert.is(bestThreshold([3.2, 3.9], [true, true]), 3.9);
});

test('folds by hand: each at the threshold of the others', () => {
  const squared = [0.1, 0.5, 0.3, 0.9, 0.2, 0.25];
  const kinds = [true, false, true, false, true, false];
  const folds = [0, 0, 1, 1, 2, 2];
  // Fold 0: of the others 0.3 and 0.2 are same, 0.9 and 0.25 different; from 0.2 three of four are right.
  // Fold 1: from 0.2 all. Fold 2: from 0.3 all.
  const found = kFoldAccuracy(squared, kinds, folds);
  assert.equal(found.thresholds, [0.2, 0.2, 0.3]);
  assert.equal(found.folds, [1, 0.5, 0.5]);
  assertClose([found.accuracy], [2 / 3], 1e-12);
  // The deviation of 1, 0.5, 0.5 is sqrt(((1/3)^2 + 2 (1/6)^2) / 2) = 0.2887; by sqrt(3) it is 1/6.
  assertClose([found.standardError], [1 / 6], 1e-12);
  // At FAR 0.5 the thresholds are the larger of the two different distances of the others: 0.9, 0.5 and 0.9.
  assert.is(kFoldTarAtFar(squared, kinds, folds, 0.5), 1);
  assert.is(kFoldTarAtFar(squared, kinds, folds, 0), 2 / 3, 'then the smaller: 0.25, 0.25 and 0.5');
});

test('quantiles and standard errors by hand', () => {
  assert.is(quantile([3, 1, 2], 0.5), 2);
  assert.is(quantile([0, 10], 0.25), 2.5);
  assert.ok(Number.isNaN(quantile([], 0.5)));
  assertClose([standardError([1, 2, 3])], [1 / Math.sqrt(3)], 1e-12);
});

test('the bootstrap of a mean is as wide as theory says, and the same again', () => {
  const generator = random(5);
  const values = Array.from({ length: 400 }, () => generator.normal());
  const draw = () =>
    bootstrap(400, (places) => places.reduce((sum, k) => sum + values[k], 0) / 400, { random: random(8) });
  const [low, high] = draw();
  assert.ok(Math.abs(high - low - 2 * 1.96 * standardError(values)) < 0.02, `${low} to ${high}`);
  assert.equal(draw(), [low, high]);
});

test('average precision by hand', () => {
  const marks = [true, false, true].map((right, k) => ({ score: 1 - k / 10, right }));
  // Recall 1/4 at precision 1, then 2/4 at precision 2/3; two of four are never found.
  assertClose([averagePrecision(marks, 4)], [0.25 + 0.25 * (2 / 3)], 1e-12);
  // Precision is made monotone: the first mark, which is wrong, does not lower what comes later below it.
  assertClose([averagePrecision([{ score: 0.9, right: false }, ...marks.slice(0, 1)], 1)], [1], 1e-12);
  assert.is(averagePrecision([], 3), 0);
  assert.ok(Number.isNaN(averagePrecision([], 0)));
});

test('ranks by hand', () => {
  assert.is(rankOf([0.4, 0.2, 0.3], 1), 1);
  assert.is(rankOf([0.4, 0.2, 0.3], 0), 3);
  assert.is(rankOf([0.2, 0.2], 0), 2, 'who is as near stands before');
  assert.is(rankOf([INFINITY, INFINITY], 0), INFINITY);
  assert.is(rankAccuracy([1, 2, INFINITY, 1], 1), 0.5);
  assert.is(rankAccuracy([1, 2, INFINITY, 1], 2), 0.75);
});

test('an open set by hand', () => {
  const known = [
    { distance: 0.1, right: true },
    { distance: 0.2, right: false },
    { distance: 0.5, right: true },
    { distance: 0.3, right: true },
  ];
  // Below 0.4 lies one of two strangers: two known probes are right and nearer.
  assert.equal(openSet(known, [0.35, 0.4], 0.5), { threshold: 0.4, dir: 0.5 });
});

test('confusions and cumulative shares by hand', () => {
  assert.equal(confusions(['a', 'a', 'b', 'c', 'a'], ['b', 'b', 'a', 'c', 'a']), [
    { actual: 'a', answer: 'b', count: 2 },
    { actual: 'b', answer: 'a', count: 1 },
  ]);
  assert.equal(
    cumulative([0.1, 0.3, INFINITY, 0.2], [0, 0.2, 1]).map(({ share }) => share),
    [0, 0.5, 0.75],
  );
});

test('curves are those of scikit-learn', () => {
  for (const expected of SKLEARN.pairs) {
    const curve = roc(expected.distances, expected.same.map(Boolean));
    const numbers = (key: 'far' | 'tar') => curve.map((point) => point[key]);
    assertClose(numbers('far'), expected.far, 1e-12);
    assertClose(numbers('tar'), expected.tar, 1e-12);
    assertClose(
      curve.slice(1).map(({ threshold }) => threshold),
      expected.thresholds,
      1e-12,
    );
    assertClose([auc(curve), eer(curve)], [expected.auc, expected.eer], 1e-12);
  }
});

test('average precision, ranks and confusions are those of scikit-learn', () => {
  for (const { right, scores, averagePrecision: expected } of SKLEARN.precisions) {
    const marks = right.map((isRight, k) => ({ score: scores[k], right: isRight === 1 }));
    assertClose([averagePrecision(marks, right.filter(Boolean).length)], [expected], 1e-12);
  }
  const { owners, distances: all, rank, confusion } = SKLEARN.ranks;
  const ranks = all.map((own, k) => rankOf(own, owners[k]));
  assertClose(
    rank.map((_, k) => rankAccuracy(ranks, k + 1)),
    rank,
    1e-12,
  );
  const answers = all.map((own) => String(own.indexOf(Math.min(...own))));
  for (const { actual, answer, count } of confusions(owners.map(String), answers))
    assert.is(count, confusion[Number(actual)][Number(answer)]);
});

test.run();
