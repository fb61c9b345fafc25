import type { Reduction } from '../graph-kernels';
import type { ReferenceKernel } from './reference-kernel';

/** Where each begins, and how the next number joins. */
export const reductions: { [R in Reduction]: { start: number; join: (sum: number, x: number) => number } } = {
  sum: { start: 0, join: (sum, x) => sum + x },
  maximum: { start: Number.NEGATIVE_INFINITY, join: Math.max },
  minimum: { start: Number.POSITIVE_INFINITY, join: Math.min },
  product: { start: 1, join: (product, x) => product * x },
  sumOfMagnitudes: { start: 0, join: (sum, x) => sum + Math.abs(x) },
  sumOfSquares: { start: 0, join: (sum, x) => sum + x * x },
};

// Y[o,i] = the reduction over k of X[o,k,i]
export const reduce: ReferenceKernel<'reduce'> = ({ inputs, outputs, attributes }, at) => {
  const { function: name, outer, count, inner } = attributes;
  const { start, join } = reductions[name];
  const input = at(inputs.input);
  const output = at(outputs.output);
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) {
      let result = start;
      for (let k = 0; k < count; k++) result = join(result, input[(o * count + k) * inner + i]);
      output[o * inner + i] = result;
    }
};
