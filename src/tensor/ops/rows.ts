import { gradientFor, outputOf } from '../operation';
import { differentiable } from '../record';
import { ShapeError } from '../shape';
import type { Tensor } from '../tensor';

function rowsOf(operation: string, input: Tensor): { rows: number; columns: number } {
  const columns = input.shape.at(-1);
  if (!columns) throw new ShapeError(`${operation}: the input needs a last axis that is not empty`);
  return { rows: input.size / columns, columns };
}

/**
 * Probabilities from logits over the last axis: e^x / sum of e^x, computed with the row's maximum taken off.
 *
 * @param input [..., classes]
 * @returns the same shape; each row sums to 1
 */
export function softmax(input: Tensor): Tensor {
  const sizes = rowsOf('softmax', input);
  const output = outputOf('softmax', [input], input.shape);
  output.backend.run({
    kernel: 'softmax',
    inputs: { input: input.slot },
    outputs: { output: output.slot },
    attributes: sizes,
  });
  // y[c] = e^x[c] / sum over k of e^x[k] has dy[k]/dx[c] = y[k] * ([k = c] - y[c]). Summed over k with weights dY[k]:
  //   dX[r,c] = y[r,c] * (dY[r,c] - sum over k of dY[r,k] * y[r,k])
  return differentiable(output, [input], (dOutput) => [
    gradientFor(input, (dInput) => ({
      kernel: 'softmaxGradient',
      inputs: { output: output.slot, outputGradient: dOutput.slot },
      outputs: { output: dInput },
      attributes: sizes,
    })),
  ]);
}

/**
 * Each row divided by its Euclidean length, so that a dot product of two rows is the cosine of their angle.
 *
 * @param input [..., columns]
 * @param epsilon the smallest length divided by: a row of zeros stays zero
 * @returns the same shape
 */
export function l2Normalize(input: Tensor, epsilon = 1e-12): Tensor {
  const sizes = rowsOf('l2Normalize', input);
  const output = outputOf('l2Normalize', [input], input.shape);
  output.backend.run({
    kernel: 'l2Normalize',
    inputs: { input: input.slot },
    outputs: { output: output.slot },
    attributes: { ...sizes, epsilon },
  });
  // y = x / n with n = |x| has dn/dx[c] = x[c] / n = y[c], so dy[k]/dx[c] = ([k = c] - y[k] * y[c]) / n: only what is
  // at a right angle to y turns it. A row no longer than epsilon is divided by a constant.
  //   dX[r,c] = (dY[r,c] - y[r,c] * sum over k of dY[r,k] * y[r,k]) / n[r], or dY[r,c] / epsilon
  return differentiable(output, [input], (dOutput) => [
    gradientFor(input, (dInput) => ({
      kernel: 'l2NormalizeGradient',
      inputs: { input: input.slot, outputGradient: dOutput.slot },
      outputs: { output: dInput },
      attributes: { ...sizes, epsilon },
    })),
  ]);
}
