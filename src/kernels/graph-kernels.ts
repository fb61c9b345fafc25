/**
 * Kernels that our own networks do without and networks of other people need: few, each for many of the operators that
 * they are made of. Part of the contract in kernel.ts.
 */
import type { Slot } from './kernel';

/**
 * Functions of one number. Some have parameters, a and b:
 *   clip min(b, max(a, x)); elu x > 0 ? x : a * (e^x - 1); hardSigmoid min(1, max(0, a * x + b));
 *   hardSwish x * min(1, max(0, a * x + b)); softplus log(1 + e^x); softsign x / (1 + |x|).
 * What lies in the middle of two whole numbers is rounded to the even one.
 */
export const UNARY_FUNCTIONS = [
  'absolute',
  'ceil',
  'clip',
  'elu',
  'exp',
  'floor',
  'hardSigmoid',
  'hardSwish',
  'log',
  'reciprocal',
  'round',
  'softplus',
  'softsign',
  'sqrt',
  'tanh',
] as const;
export type UnaryFunction = (typeof UNARY_FUNCTIONS)[number];

/** Functions of two numbers. Comparisons give 1 or 0; power of a negative number needs a whole exponent. */
export const BINARY_FUNCTIONS = [
  'add',
  'subtract',
  'multiply',
  'divide',
  'power',
  'maximum',
  'minimum',
  'equal',
  'greater',
  'greaterOrEqual',
] as const;
export type BinaryFunction = (typeof BINARY_FUNCTIONS)[number];

/** How numbers become one. */
export const REDUCTIONS = ['sum', 'maximum', 'minimum', 'product', 'sumOfMagnitudes', 'sumOfSquares'] as const;
export type Reduction = (typeof REDUCTIONS)[number];

/** The most axes of view and binary. */
export const MOST_AXES = 8;

export interface GraphKernelTable {
  /** f(x) for every number. */
  unary: {
    inputs: { input: Slot };
    outputs: { output: Slot };
    attributes: { length: number; function: UnaryFunction; a: number; b: number };
  };
  /**
   * f(left, right) with both repeated over axes as need be: output[i0,i1,...] of shape `sides` (at most MOST_AXES), where
   * left is read at the sum of i * leftStrides, right likewise. The last strides are 0 or 1.
   */
  binary: {
    inputs: { left: Slot; right: Slot };
    outputs: { output: Slot };
    attributes: {
      function: BinaryFunction;
      sides: readonly number[];
      leftStrides: readonly number[];
      rightStrides: readonly number[];
    };
  };
  /**
   * The input looked at otherwise: output[i0,i1,...] of shape `sides` (at most MOST_AXES) is the number at
   * offset + the sum of i * strides. Axes in another order, repeated (stride 0), reversed, every second, or windows.
   */
  view: {
    inputs: { input: Slot };
    outputs: { output: Slot };
    attributes: { sides: readonly number[]; strides: readonly number[]; offset: number };
  };
  /**
   * Weighted places of one axis: output[o,j,i] = sum over t of weights[t,j] * input[o, places[t,j], i], input
   * [outer,side,inner], output [outer,outSide,inner], places and weights [taps,outSide]. A place of -1 counts as `fill`.
   * One tap of weight 1 copies: padding, picking. Two taps interpolate.
   */
  resample: {
    inputs: { input: Slot; places: Slot; weights: Slot };
    outputs: { output: Slot };
    attributes: { outer: number; side: number; outSide: number; inner: number; taps: number; fill: number };
  };
  /** output[o,i] = the reduction over k of input[o,k,i]; input [outer,count,inner]. */
  reduce: {
    inputs: { input: Slot };
    outputs: { output: Slot };
    attributes: { function: Reduction; outer: number; count: number; inner: number };
  };
}
