import {
  BINARY_FUNCTIONS,
  type BinaryFunction,
  REDUCTIONS,
  UNARY_FUNCTIONS,
  type UnaryFunction,
} from '../../src/kernels/graph-kernels';
import { multiply, type Random, type Shape, scale, type Tensor } from '../../src/tensor/index';
import { binary, reduce, resample, unary, view } from '../../src/tensor/ops/graph';
import type { Check } from './gradient-checks';

const upTo = (draw: Random, largest: number) => 1 + draw.below(largest);
const anyShape = (draw: Random): Shape => Array.from({ length: upTo(draw, 4) }, () => upTo(draw, 4));

type WithoutGradient = 'ceil' | 'floor' | 'round' | 'equal' | 'greater' | 'greaterOrEqual';

/** Functions that are constant almost everywhere: asking for their gradient throws. */
export const WITHOUT_GRADIENT: Record<WithoutGradient, (input: Tensor) => Tensor> = {
  ceil: (input) => unary(input, 'ceil'),
  floor: (input) => unary(input, 'floor'),
  round: (input) => unary(input, 'round'),
  equal: (input) => binary(input, input, 'equal'),
  greater: (input) => binary(input, input, 'greater'),
  greaterOrEqual: (input) => binary(input, input, 'greaterOrEqual'),
};
const hasGradient = <F extends string>(name: F): name is Exclude<F, WithoutGradient> => !(name in WITHOUT_GRADIENT);

/** At least 0.5. */
const positive = (input: Tensor): Tensor => scale(multiply(input, input), 1, 0.5);
const asItIs = (input: Tensor): Tensor => input;

/** Parameters a and b of each function, and what it is asked about. */
const UNARY_USES: Record<
  Exclude<UnaryFunction, WithoutGradient>,
  [of: (input: Tensor) => Tensor, ...parameters: number[]][]
> = {
  absolute: [[asItIs]],
  clip: [
    [asItIs, -0.5, 0.5],
    [asItIs, Number.NEGATIVE_INFINITY, 0.3],
    [asItIs, 0.1, Number.POSITIVE_INFINITY],
  ],
  elu: [
    [asItIs, 1],
    [asItIs, 0.3],
  ],
  exp: [[asItIs]],
  hardSigmoid: [[asItIs, 0.7, 0.4]],
  hardSwish: [[asItIs, 0.7, 0.4]],
  log: [[positive]],
  reciprocal: [[positive], [(input) => scale(positive(input), -1)]],
  softplus: [[asItIs]],
  softsign: [[asItIs]],
  sqrt: [[positive]],
  tanh: [[asItIs]],
};

/** What the right operand is made into; the left one of a power is positive. */
const BINARY_USES: Record<
  Exclude<BinaryFunction, WithoutGradient>,
  [left: (input: Tensor) => Tensor, right: (input: Tensor) => Tensor]
> = {
  add: [asItIs, asItIs],
  subtract: [asItIs, asItIs],
  multiply: [asItIs, asItIs],
  divide: [asItIs, positive],
  power: [positive, asItIs],
  maximum: [asItIs, asItIs],
  minimum: [asItIs, asItIs],
};

const ofShape =
  (shape: Shape, apply: (input: Tensor) => Tensor): Check =>
  () => ({ inputs: [shape], apply: ([input]) => apply(input) });

/** What networks look at otherwise than it lies in memory. */
const VIEWS: Record<string, Check> = {
  permuted: (draw) => {
    const [n, h, w, c] = Array.from({ length: 4 }, () => upTo(draw, 4));
    return {
      inputs: [[n, h, w, c]],
      apply: ([input]) => view(input, [c, n, w, h], [1, h * w * c, c, w * c]),
    };
  },
  'all reversed': ofShape([3, 4], (input) => view(input, [4, 3], [-1, -4], 11)),
  'one axis reversed': ofShape([2, 3, 2], (input) => view(input, [3, 2, 2], [-2, 6, 1], 4)),
  'rows of a slice': ofShape([5, 3], (input) => view(input, [2, 3], [3, 1], 6)),
  'channels of a slice': ofShape([2, 3, 6], (input) => view(input, [2, 3, 2], [18, 6, 1], 3)),
  'every second': ofShape([2, 7], (input) => view(input, [2, 3], [7, 2], 1)),
  'every second, backwards': ofShape([2, 7], (input) => view(input, [3, 2], [-2, 7], 5)),
  repeated: ofShape([3, 2], (input) => view(input, [2, 3, 4, 2], [0, 2, 0, 1])),
  'a slice, repeated and permuted': ofShape([4, 2, 3], (input) => view(input, [3, 2, 2, 5], [1, 3, 6, 0], 6)),
  windows: ofShape([2, 4, 5, 3], (input) => view(input, [2, 3, 2, 2, 3, 3], [60, 15, 6, 15, 3, 1])),
  'windows across the batch': ofShape([3, 4], (input) => view(input, [9, 4], [1, 1])),
  'a single number': ofShape([3, 4], (input) => view(input, [1], [1], 5)),
  diagonal: ofShape([3, 3], (input) => view(input, [3], [4])),
  blocks: ofShape([2, 4, 4, 3], (input) => view(input, [2, 2, 2, 2, 2, 3], [48, 24, 6, 12, 3, 1])),
};

const RESAMPLINGS: Record<string, Check> = {
  interpolating: ofShape([2, 3, 2], (input) =>
    resample(input, 1, {
      places: [
        [0, 0, 1, 1, 2],
        [0, 1, 1, 2, 2],
      ],
      weights: [
        [1, 0.75, 0.5, 0.25, 0.5],
        [0, 0.25, 0.5, 0.75, 0.5],
      ],
      fill: 0,
    }),
  ),
  'partly filled': ofShape([3, 4], (input) =>
    resample(input, 0, {
      places: [
        [-1, 2, 0, 2],
        [1, -1, -1, 2],
      ],
      weights: [
        [0.5, -1, 2, 1],
        [1.5, 1, 3, -0.3],
      ],
      fill: 3,
    }),
  ),
  padding: ofShape([2, 3], (input) =>
    resample(input, 1, { places: [[-1, 0, 1, 2, -1, -1]], weights: [[1, 1, 1, 1, 1, 1]], fill: -2 }),
  ),
  picking: ofShape([2, 4, 2], (input) =>
    resample(input, 1, { places: [[3, 0, 3, 3, 2]], weights: [[1, 1, 1, 1, 1]], fill: 0 }),
  ),
};

/** For every operation of ops/graph.ts, and every function that has a gradient. One without a row does not compile. */
export const GRAPH_CHECKS: Record<string, Check[]> = Object.fromEntries<Check[]>([
  ...UNARY_FUNCTIONS.filter(hasGradient).map((name): [string, Check[]] => [
    `unary ${name}`,
    UNARY_USES[name].map(([of, a, b]) => (draw) => ({
      inputs: [anyShape(draw)],
      apply: ([input]) => unary(of(input), name, a, b),
    })),
  ]),
  ...BINARY_FUNCTIONS.filter(hasGradient).map((name): [string, Check[]] => {
    const [left, right] = BINARY_USES[name];
    return [
      `binary ${name}`,
      [
        (draw) => {
          const shape = anyShape(draw);
          const repeated = () => shape.map((side) => (draw.below(2) === 0 ? side : 1));
          return { inputs: [repeated(), repeated()], apply: ([l, r]) => binary(left(l), right(r), name) };
        },
        (draw) => {
          const shape = anyShape(draw);
          return { inputs: [shape], apply: ([input]) => binary(left(input), right(scale(input, 0.7, 0.2)), name) };
        },
        // A single number, a vector of all but the last axes, and rows in the middle.
        ...[
          [1, 1, 1],
          [2, 3, 1],
          [1, 3, 4],
          [1, 3, 1],
          [2, 1, 4],
        ].map(
          (shape): Check =>
            () => ({ inputs: [[2, 3, 4], shape], apply: ([l, r]) => binary(left(l), right(r), name) }),
        ),
      ],
    ];
  }),
  ...REDUCTIONS.map((name): [string, Check[]] => [
    `reduce ${name}`,
    [
      (draw) => ({
        inputs: [[upTo(draw, 4), upTo(draw, 5), upTo(draw, 4)]],
        apply: ([input]) => reduce(input, name),
      }),
    ],
  ]),
  ...Object.entries(VIEWS).map(([name, check]): [string, Check[]] => [`view ${name}`, [check]]),
  ...Object.entries(RESAMPLINGS).map(([name, check]): [string, Check[]] => [`resample ${name}`, [check]]),
]);
