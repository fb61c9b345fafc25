import { type KernelCase, only } from '../../src/bench/kernel-case';
import type { GraphKernelTable } from '../../src/kernels/graph-kernels';

const [SIDE, CHANNELS] = [56, 64];
const LENGTH = SIDE * SIDE * CHANNELS;

/** The kernels that networks of other people need, on an image in the middle of one. */
export const GRAPH_CASES: { [K in keyof GraphKernelTable]: KernelCase<K>[] } = {
  unary: only('56x56x64, hardSwish', ({ input, output }) => ({
    kernel: 'unary',
    inputs: { input: input(LENGTH) },
    outputs: { output: output(LENGTH) },
    attributes: { length: LENGTH, function: 'hardSwish', a: 1 / 6, b: 0.5 },
  })),
  binary: only('56x56x64, times a number a pixel', ({ input, output }) => ({
    kernel: 'binary',
    inputs: { left: input(LENGTH), right: input(SIDE * SIDE) },
    outputs: { output: output(LENGTH) },
    attributes: {
      function: 'multiply',
      sides: [SIDE * SIDE, CHANNELS],
      leftStrides: [CHANNELS, 1],
      rightStrides: [1, 0],
    },
  })),
  view: only('56x56x64, channels first', ({ input, output }) => ({
    kernel: 'view',
    inputs: { input: input(LENGTH) },
    outputs: { output: output(LENGTH) },
    attributes: { sides: [CHANNELS, SIDE * SIDE], strides: [1, CHANNELS], offset: 0 },
  })),
  resample: only('56x56x64, twice as high', ({ input, constant, output }) => ({
    kernel: 'resample',
    inputs: { input: input(LENGTH), places: constant(2 * SIDE), weights: constant(2 * SIDE) },
    outputs: { output: output(2 * LENGTH) },
    attributes: { outer: 1, side: SIDE, outSide: 2 * SIDE, inner: SIDE * CHANNELS, taps: 1, fill: 0 },
  })),
  reduce: only('56x56x64, the largest of each channel', ({ input, output }) => ({
    kernel: 'reduce',
    inputs: { input: input(LENGTH) },
    outputs: { output: output(CHANNELS) },
    attributes: { function: 'maximum', outer: 1, count: SIDE * SIDE, inner: CHANNELS },
  })),
};
