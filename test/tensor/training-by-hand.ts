import {
  batchNormTraining,
  combine,
  divideByRoot,
  dropout,
  mean,
  random,
  rightAnswers,
  slice,
  softmaxCrossEntropy,
  sum,
} from '../../src/tensor/index';
import type { ByHand } from './by-hand';
import type { Operation } from './exports';

/** A generator whose next numbers are known. */
const drawing = (...numbers: number[]) => ({ ...random(1), next: () => numbers.shift() ?? Number.NaN });

/** The operations that only training needs. */
export const TRAINING = {
  sum: {
    cases: [{ title: 'any shape', apply: (make) => sum(make([2, 1, 2])), shape: [], values: [10] }],
    refusals: [],
  },
  mean: {
    cases: [{ title: 'any shape', apply: (make) => mean(make([2, 2])), shape: [], values: [2.5], madeBy: 'scale' }],
    refusals: [{ apply: (make) => mean(make([2, 0])), says: 'mean: of no numbers' }],
  },
  combine: {
    cases: [
      {
        title: 'two factors',
        apply: (make) => combine(make([1, 2]), 2, make([1, 2], [10, 20]), -1),
        shape: [1, 2],
        values: [-8, -16],
      },
    ],
    refusals: [
      { apply: (make) => combine(make([2]), 1, make([1, 2]), 1), says: 'combine: [2] and [1,2] differ' },
      { apply: (make) => combine(make([2]), 1, make([3]), 1), says: 'combine: [2] and [3] differ' },
    ],
  },
  divideByRoot: {
    cases: [
      {
        title: 'numerator / (sqrt(square) + epsilon)',
        apply: (make) => divideByRoot(make([2], [3, 6]), make([2], [4, 0]), 1),
        shape: [2],
        values: [1, 6],
      },
    ],
    refusals: [{ apply: (make) => divideByRoot(make([2]), make([3]), 1), says: 'divideByRoot: [2] and [3] differ' }],
  },
  batchNormTraining: {
    cases: [
      {
        title: 'means 2 and 20, variances 1 and 100',
        apply: (make) =>
          batchNormTraining(make([2, 2], [1, 10, 3, 30]), make([2], [2, 3]), make([2], [5, 7]), 0).output,
        shape: [2, 2],
        values: [3, 4, 7, 10],
      },
      {
        title: 'the moments, over all axes but the last',
        apply: (make) => batchNormTraining(make([2, 1, 2], [1, 10, 3, 30]), make([2]), make([2])).moments,
        shape: [2, 2],
        values: [2, 20, 1, 100],
      },
    ],
    refusals: [
      {
        apply: (make) => batchNormTraining(make([2, 2]), make([3]), make([2])).output,
        says: 'batchNormTraining: gamma [3] does not fit input [2,2], expected [2]',
      },
      {
        apply: (make) => batchNormTraining(make([2, 2]), make([2]), make([1, 2])).output,
        says: 'batchNormTraining: beta [1,2] does not fit input [2,2], expected [2]',
      },
    ],
  },
  dropout: {
    cases: [
      {
        title: 'draws below the probability drop, the others are scaled up',
        apply: (make) => dropout(make([2, 2]), 0.75, drawing(0.1, 0.9, 0.75, 0.7)),
        shape: [2, 2],
        values: [0, 8, 12, 0],
        madeBy: 'multiply',
      },
      {
        title: 'probability 0 drops nothing',
        apply: (make) => dropout(make([2]), 0, drawing(0, 0)),
        shape: [2],
        values: [1, 2],
        madeBy: 'multiply',
      },
    ],
    refusals: [],
  },
  slice: {
    cases: [
      {
        title: 'columns',
        apply: (make) => slice(make([2, 3]), 1, 1, 2),
        shape: [2, 2],
        values: [2, 3, 5, 6],
      },
      {
        title: 'a row, the axis counted from the end',
        apply: (make) => slice(make([2, 3]), -2, 1, 1),
        shape: [1, 3],
        values: [4, 5, 6],
      },
    ],
    refusals: [
      {
        apply: (make) => slice(make([2, 3]), 1, 2, 2),
        says: 'slice: 2 places from 2 are not inside axis 1 of [2,3]',
      },
      { apply: (make) => slice(make([2, 3]), 2, 0, 1), says: 'slice: [2,3] has no axis 2' },
    ],
  },
  rightAnswers: {
    cases: [
      {
        title: 'the largest, not the largest, a tie, and no number beside it',
        apply: (make) =>
          rightAnswers(make([4, 3], [1, 3, 2, 3, 1, 2, 0, 5, 5, Number.NaN, 1, 0]), make([4], [1, 2, 1, 1])),
        shape: [4],
        values: [1, 0, 0, 0],
      },
    ],
    refusals: [
      {
        apply: (make) => rightAnswers(make([2, 3]), make([3])),
        says: 'rightAnswers: labels [3] do not fit logits [2,3], expected [2]',
      },
      {
        apply: (make) => rightAnswers(make([3]), make([3])),
        says: 'rightAnswers: logits [3] has 1 axes, expected [batch, classes]',
      },
    ],
  },
  softmaxCrossEntropy: {
    cases: [
      {
        title: 'probabilities 3/4 and 1/2 at the labels',
        apply: (make) => softmaxCrossEntropy(make([2, 2], [0, Math.log(3), 5, 5]), make([2], [1, 0])),
        shape: [],
        values: [-(Math.log(3 / 4) + Math.log(1 / 2)) / 2],
        madeBy: 'scale',
      },
      {
        title: 'smoothing 1/2 makes the target 1/4, 3/4',
        apply: (make) => softmaxCrossEntropy(make([1, 2], [0, Math.log(3)]), make([1], [1]), { smoothing: 0.5 }),
        shape: [],
        values: [-(Math.log(1 / 4) / 4 + (3 * Math.log(3 / 4)) / 4)],
        madeBy: 'scale',
      },
      {
        title: 'logits at which e^z overflows',
        apply: (make) => softmaxCrossEntropy(make([1, 2], [1000, -1000]), make([1], [1])),
        shape: [],
        values: [2000],
        madeBy: 'scale',
      },
    ],
    refusals: [
      {
        apply: (make) => softmaxCrossEntropy(make([2, 3]), make([3])),
        says: 'softmaxCrossEntropy: labels [3] do not fit logits [2,3], expected [2]',
      },
      {
        apply: (make) => softmaxCrossEntropy(make([3]), make([3])),
        says: 'softmaxCrossEntropy: logits [3] has 1 axes, expected [batch, classes]',
      },
    ],
  },
} satisfies Partial<Record<Operation, ByHand>>;
