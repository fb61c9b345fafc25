import { BINARY_FUNCTIONS, type GraphKernelTable, REDUCTIONS, UNARY_FUNCTIONS } from '../../src/kernels/graph-kernels';
import type { Case } from './case-sizes';

const productOf = (sides: readonly number[]): number => sides.reduce((product, side) => product * side, 1);

/** How many numbers an operand with these strides has. */
const lengthOf = (sides: readonly number[], strides: readonly number[]): number =>
  1 + sides.reduce((last, side, axis) => last + (side - 1) * Math.max(0, strides[axis]), 0);

/** Numbers at which a function has to be careful come first. */
const EDGES: Partial<Record<(typeof UNARY_FUNCTIONS)[number], number[]>> = {
  elu: [-100, 0, 100],
  exp: [-60, 0, 5],
  hardSwish: [-3, 3, 0],
  round: [-2.5, 0.5, 1.5],
  softplus: [-90, 90, 0],
  tanh: [-50, 50, 0],
};
const POSITIVE = new Set(['log', 'sqrt', 'reciprocal']);

/** Sides, and the strides of the left and the right operand. */
const BROADCASTS: [number[], number[], number[]][] = [
  [[35], [1], [1]],
  [[4099], [1], [0]],
  [
    [6, 7, 5],
    [35, 5, 1],
    [0, 0, 1],
  ],
  [
    [2, 9, 8],
    [8, 0, 1],
    [72, 8, 1],
  ], // one row of each image on the left
  [
    [3, 20, 4],
    [80, 4, 1],
    [20, 1, 0],
  ],
  [
    [130, 6],
    [1, 0],
    [0, 1],
  ], // a column and a row
  [
    [2, 2, 3, 2, 2, 3, 2, 5],
    [720, 360, 120, 60, 30, 10, 5, 1],
    [2, 1, 0, 0, 4, 0, 0, 0],
  ],
];

/** Sides, strides and offset. */
const VIEWS: [number[], number[], number][] = [
  [[1], [1], 0],
  [[2, 5, 7, 3], [105, 7, 1, 35], 0], // channels last
  [[33, 7, 17], [119, 1, 7], 0],
  [[3, 600, 2], [1200, 1, 600], 0], // channels shuffled
  [[4, 9], [20, 2], 3], // every second
  [[3, 6], [0, 1], 0], // repeated
  [[10], [-1], 9], // backwards
  [[300, 4], [1, 0], 0], // each four times
  [[1, 4, 4, 3, 3, 5], [180, 30, 5, 30, 5, 1], 0], // windows
  [[2, 2, 2, 2, 2, 2, 2, 2], [1, 2, 4, 8, 16, 32, 64, 128], 0],
];

const RESAMPLINGS = [
  { outer: 1, side: 1, outSide: 1, inner: 1, taps: 1, fill: 0 },
  { outer: 2, side: 5, outSide: 9, inner: 7, taps: 1, fill: -3 },
  { outer: 3, side: 8, outSide: 4, inner: 1, taps: 2, fill: 0 },
  { outer: 40, side: 3, outSide: 6, inner: 20, taps: 2, fill: 0 },
  { outer: 70, side: 2, outSide: 4, inner: 2, taps: 1, fill: -1 },
  { outer: 1, side: 60, outSide: 70, inner: 33, taps: 4, fill: 1 },
];

const REDUCED = [
  [1, 1, 1],
  [3, 5, 7],
  [1, 130, 4],
  [150, 4, 1],
  [5, 3, 130],
  [40, 8, 12],
];

/** For the kernels of graph-kernels.ts, cases that a backend must get right. */
export const GRAPH_CASES: { [K in keyof GraphKernelTable]: Case<K>[] } = {
  unary: UNARY_FUNCTIONS.flatMap((name) =>
    [5, 4100].map((length) => ({
      title: `${name} of ${length} numbers`,
      call: ({ input, output }) => ({
        kernel: 'unary',
        inputs: {
          input: input(length, (x, i) => EDGES[name]?.[i] ?? (POSITIVE.has(name) ? Math.abs(x) + 0.1 : 2 * x)),
        },
        outputs: { output: output(length) },
        attributes: { length, function: name, a: name === 'clip' ? -0.5 : 0.2, b: 0.5 },
      }),
    })),
  ),

  binary: BINARY_FUNCTIONS.flatMap((name) =>
    BROADCASTS.map(([sides, leftStrides, rightStrides]) => ({
      title: `${name} for [${sides}], strides [${leftStrides}] and [${rightStrides}]`,
      call: ({ input, output }) => {
        // Powers: negative and zero bases have whole exponents. Comparisons: halves are often equal.
        const whole = (x: number) => Math.round(x * 2) / (name === 'power' ? 1 : 2);
        const isExact = ['power', 'equal', 'greater', 'greaterOrEqual'].includes(name);
        const left = (x: number, i: number) => (name === 'power' && i === 0 ? 0 : isExact ? whole(x) : x);
        const right = (x: number) => {
          if (name === 'power') return Math.abs(whole(x));
          return name === 'divide' ? x + Math.sign(x) : isExact ? whole(x) : x;
        };
        return {
          kernel: 'binary',
          inputs: {
            left: input(lengthOf(sides, leftStrides), left),
            right: input(lengthOf(sides, rightStrides), right),
          },
          outputs: { output: output(productOf(sides)) },
          attributes: { function: name, sides, leftStrides, rightStrides },
        };
      },
    })),
  ),

  view: VIEWS.map(([sides, strides, offset]) => ({
    title: `[${sides}], strides [${strides}] from ${offset}`,
    call: ({ input, output }) => ({
      kernel: 'view',
      inputs: { input: input(offset + lengthOf(sides, strides)) },
      outputs: { output: output(productOf(sides)) },
      attributes: { sides, strides, offset },
    }),
  })),

  resample: RESAMPLINGS.map((attributes) => ({
    title: Object.entries(attributes).join(' '),
    call: ({ input, constant, output, random }) => {
      const { outer, side, outSide, inner, taps, fill } = attributes;
      return {
        kernel: 'resample',
        inputs: {
          input: input(outer * side * inner),
          places: constant(taps * outSide, () => (fill !== 0 && random.next() < 0.3 ? -1 : random.below(side))),
          weights: constant(taps * outSide),
        },
        outputs: { output: output(outer * outSide * inner) },
        attributes,
      };
    },
  })),

  reduce: REDUCTIONS.flatMap((name) =>
    REDUCED.map(([outer, count, inner]) => ({
      title: `${name} of [${outer},${count},${inner}]`,
      call: ({ input, output }) => ({
        kernel: 'reduce',
        // A product of many numbers stays near 1 if they are.
        inputs: { input: input(outer * count * inner, (x) => (name === 'product' ? 1 + x / 50 : x)) },
        outputs: { output: output(outer * inner) },
        attributes: { function: name, outer, count, inner },
      }),
    })),
  ),
};
