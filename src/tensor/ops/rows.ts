import { outputOf } from '../operation';
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
  return output;
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
  return output;
}
