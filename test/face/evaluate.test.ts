import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Point } from '../../src/face/align';
import type { Box } from '../../src/face/boxes';
import {
  accuracyOf,
  chooseThresholds,
  distancesOf,
  groupFigures,
  identificationFigures,
  pairFigures,
  rejectionCurve,
  scorePairs,
  worstMistakes,
} from '../../src/face/evaluate';
import { detectionPrecision, landmarkError, withoutOffset } from '../../src/face/evaluate-photos';
import type { Pair } from '../../src/face/protocols';
import { assertClose, thrown } from '../helpers/numbers';

const test = suite('evaluation');

const FACE: Box = [0, 0, 10, 10];

/** A face at an angle, in degrees. */
const at = (degrees: number) => ({
  embedding: [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)],
});
const chord = (degrees: number) => 2 * Math.sin((degrees * Math.PI) / 360);
const pair = (a: string, b: string, same: boolean, fold: number): Pair => ({ files: [a, b], same, fold });

const embeddings = new Map([
  ['a1', at(0)],
  ['a2', at(10)],
  ['a3', at(81)],
  ['b1', at(90)],
  ['b2', at(100)],
]);
const pairs = [
  pair('a1', 'a2', true, 0),
  pair('a1', 'b1', false, 0),
  pair('b1', 'b2', true, 1),
  pair('a3', 'b1', false, 1),
  pair('a1', 'faceless', true, 1),
  pair('faceless', 'b1', false, 1),
];

test('pairs by hand: thresholds of the other fold, photos without a face are errors', () => {
  const scored = scorePairs(pairs, embeddings);
  assertClose(scored.squared.slice(0, 2), [chord(10) ** 2, 2], 1e-12);
  assert.equal(scored.squared.slice(4), [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
  const decisions = chooseThresholds(scored, 'other-folds');
  // Of fold 1, half is right at any threshold from 0 on that parts neither pair at 10 degrees: the first is 0.
  assert.is(decisions.thresholds.get(0), 0);
  assert.is(decisions.thresholds.get(1), 0.04, 'chord(10) squared is 0.0304');
  const figures = pairFigures(scored, decisions, { seed: 1, samples: 50 });
  assert.equal(figures.folds, [0.5, 0.25]);
  assert.is(figures.accuracy, 0.375);
  assert.is(figures.accuracy, accuracyOf(scored, decisions));
  assert.is(figures.pairs, 6);
  // Curves have the pairs of the faceless one refused. The two same pairs at 10 degrees are nearer than that at 90 and
  // the refused one, not than that at 9; two refused pairs are as near: of nine comparisons 4.5 are right.
  assertClose([figures.auc], [4.5 / 9], 1e-12);
  assert.ok(figures.intervals.accuracy[0] < 0.375 && figures.intervals.accuracy[1] > 0.375);
  assert.equal(pairFigures(scored, decisions, { seed: 1, samples: 50 }), figures);
  const mistakes = worstMistakes(scored, decisions);
  assert.is(mistakes.length, 4);
  assert.equal(
    mistakes.slice(-2).map(({ distance }) => distance),
    [undefined, undefined],
  );
  assert.equal(distancesOf(scored).same.length, 2);
});

test('errors against quality by hand: the worse face of a pair counts, and without a face none', () => {
  const scored = scorePairs(pairs, embeddings);
  const decisions = chooseThresholds(scored, { threshold: chord(20) });
  // Right are the first three; wrong the fourth (9 degrees apart, two people) and the two without a face.
  const quality = new Map([
    ['a1', { quality: 0.9 }],
    ['a2', { quality: 0.8 }],
    ['a3', { quality: 0.1 }],
    ['b1', { quality: 0.7 }],
    ['b2', { quality: 0.6 }],
  ]);
  const curve = rejectionCurve(scored, decisions, quality);
  assert.equal(curve[0], { rejected: 0, error: 3 / 6 });
  assert.equal(
    curve.filter(({ rejected }) => [0.2, 0.3, 0.5].includes(rejected)),
    [
      { rejected: 0.2, error: 2 / 5 },
      { rejected: 0.3, error: 1 / 4 },
      { rejected: 0.5, error: 0 },
    ],
  );
  const useless = new Map([...embeddings.keys()].map((file) => [file, { quality: file === 'a3' ? 1 : 0.5 }]));
  assert.is(rejectionCurve(scored, decisions, useless).find(({ rejected }) => rejected === 0.5)?.error, 1 / 3);
});

test('an offset that all points have in common is told, and what is left without it', () => {
  const labelled: Point[] = [
    [0, 0],
    [10, 0],
    [5, 5],
    [1, 10],
    [9, 10],
  ];
  const moved = (by: Point): Point[] => labelled.map(([x, y]) => [x + by[0], y + by[1]]);
  const nose = moved([1, -2]);
  nose[2] = [nose[2][0] + 5, nose[2][1]];
  const figures = withoutOffset([
    { labelled, found: moved([1, -2]) },
    { labelled, found: nose },
  ]);
  assertClose(figures.offset, [0.1, -0.2], 1e-12);
  assertClose([figures.meanError, figures.medianError, figures.failures], [0.05, 0.05, 0], 1e-9);
});

test('a threshold of the first fold is judged on the others, one that is given on all', () => {
  const scored = scorePairs(pairs, embeddings);
  const view1 = chooseThresholds(scored, 'first-fold');
  assert.equal(view1.scored, [1]);
  assert.is(accuracyOf(scored, view1), 0.25);
  const given = chooseThresholds(scored, { threshold: 0.1 });
  assert.equal(given.scored, [0, 1]);
  assertClose([given.thresholds.get(1) ?? 0], [0.01], 1e-12);
  const single = scorePairs(pairs.slice(0, 2), embeddings);
  assert.match(thrown(() => chooseThresholds(single, 'other-folds')).message, /there is only one fold/);
  assert.is(chooseThresholds(single, { threshold: 1 }).scored.length, 1);
});

test('a condition changes the second photos only', () => {
  const probes = new Map([['a2', at(90)]]);
  const [first, second] = scorePairs(pairs, embeddings, probes).squared;
  assertClose([first], [2], 1e-12);
  assert.is(second, Number.NEGATIVE_INFINITY, 'b1 has no face under it');
});

test('groups: the worst first', () => {
  const scored = scorePairs(pairs, embeddings);
  const decisions = chooseThresholds(scored, { threshold: 0.2 });
  const labelOf = (file: string) => ({ a: 'A', b: 'B' })[file[0]];
  const groups = groupFigures(scored, decisions, labelOf, { seed: 1, samples: 50 });
  assert.equal(
    groups.map(({ group, pairs: count, accuracy }) => [group, count, accuracy]),
    [
      ['A + unlabelled', 1, 0],
      ['B + unlabelled', 1, 0],
      ['A + B', 2, 0.5],
      ['A', 1, 1],
      ['B', 1, 1],
    ],
  );
  const mixed = groups[2];
  assert.equal([mixed.falseMatchRate, mixed.falseNonMatchRate], [0.5, undefined]);
});

test('one to many by hand', () => {
  const people = [
    { name: 'A', files: ['a1', 'a2', 'a3'] },
    { name: 'B', files: ['b1', 'b2'] },
    { name: 'C', files: ['c1', 'faceless'] },
  ];
  const known = new Map([...embeddings, ['c1', at(200)]]);
  const figures = identificationFigures(people, known, { enrolled: 1, seed: 1, samples: 50 });
  // a2 and b2 are right, a3 is B at first and A then, the one without a face is nobody.
  assert.is(figures.probes, 4);
  assert.is(figures.rank1, 0.5);
  assert.is(figures.rank5, 0.75);
  assert.equal(
    figures.confusion.map(({ actual, answer }) => [actual, answer]),
    [
      ['A', 'B'],
      ['C', '(no face)'],
    ],
  );
  assert.is(figures.openSet.people, 2);
  assert.is(figures.openSet.known + figures.openSet.strangers, 4);
  assert.match(
    thrown(() => identificationFigures(people, known, { enrolled: 3, seed: 1 })).message,
    /nobody has more than the 3 photos/,
  );
});

test('detections by hand: a second one of a face is wrong, one of a harder face counts neither way', () => {
  const truth = new Map([['1.jpg', [{ box: FACE, level: 0 }]]]);
  truth.set('2.jpg', [{ box: [0, 0, 10, 10], level: 2 }]);
  const found = new Map([['1.jpg', [{ box: FACE, score: 0.8 }]]]);
  found.set('2.jpg', [{ box: [1, 0, 10, 10], score: 0.9 }]);
  assert.is(detectionPrecision(truth, found, 0), 1);
  assert.is(detectionPrecision(truth, found, 2), 1);
  found.set('1.jpg', [
    { box: [50, 50, 10, 10], score: 0.95 },
    { box: [0, 0, 10, 10], score: 0.8 },
    { box: [1, 0, 10, 10], score: 0.7 },
  ]);
  assert.is(detectionPrecision(truth, found, 0), 0.5);
  // Wrong, right, right, wrong: both are found at precisions 1/2 and 2/3, the first made 2/3.
  assertClose([detectionPrecision(truth, found, 2)], [2 / 3], 1e-12);
});

test('the error of landmarks is a share of the distance between the eyes', () => {
  const labelled: Point[] = [
    [0, 0],
    [40, 0],
    [20, 20],
    [5, 40],
    [35, 40],
  ];
  const found = labelled.map(([x, y]): Point => [x + 3, y + 4]);
  assertClose([landmarkError(found, labelled)], [5 / 40], 1e-12);
});

test.run();
