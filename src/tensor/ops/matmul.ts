import { LINEAR } from '../../kernels/kernel';
import { outputOf } from '../operation';
import { expectRank, formatShape, ShapeError } from '../shape';
import type { Tensor } from '../tensor';

/**
 * Matrix product, with a bias where it serves as a dense layer: Y[r,c] = bias[c] + sum over k of left[r,k] * right[k,c].
 *
 * @param left  [rows, inner]
 * @param right [inner, columns]
 * @param bias  [columns]
 * @returns [rows, columns]
 * @throws ShapeError when the inner sides differ
 */
export function matmul(left: Tensor, right: Tensor, bias?: Tensor): Tensor {
  expectRank('matmul', 'left', left.shape, 2, '[rows, inner]');
  expectRank('matmul', 'right', right.shape, 2, '[inner, columns]');
  const [rows, inner] = left.shape;
  const columns = right.shape[1];
  if (right.shape[0] !== inner)
    throw new ShapeError(
      `matmul: ${formatShape(left.shape)} x ${formatShape(right.shape)}: ${inner} is not ${right.shape[0]}`,
    );
  if (bias && (bias.shape.length !== 1 || bias.size !== columns))
    throw new ShapeError(`matmul: bias ${formatShape(bias.shape)} does not fit ${columns} columns`);
  const output = outputOf('matmul', bias ? [left, right, bias] : [left, right], [rows, columns]);
  output.backend.run({
    kernel: 'matmul',
    inputs: { left: left.slot, right: right.slot, bias: bias?.slot },
    outputs: { output: output.slot },
    attributes: { rows, inner, columns, transposeLeft: false, transposeRight: false, activation: LINEAR },
  });
  return output;
}
