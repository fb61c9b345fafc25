import { LINEAR } from '../../kernels/kernel';
import { biasGradient, outputOf } from '../operation';
import { differentiable } from '../record';
import { expectRank, formatShape, ShapeError } from '../shape';
import type { Tensor } from '../tensor';

export interface MatmulOptions {
  /** `left` is stored the other way round: [inner, rows]. */
  transposeLeft?: boolean;
  /** `right` is stored the other way round: [columns, inner]. */
  transposeRight?: boolean;
}

/**
 * Matrix product, with a bias where it serves as a dense layer: Y[r,c] = bias[c] + sum over k of left[r,k] * right[k,c].
 *
 * @param left  [rows, inner]
 * @param right [inner, columns]
 * @param bias  [columns]
 * @returns [rows, columns]
 * @throws ShapeError when the inner sides differ
 */
export function matmul(left: Tensor, right: Tensor, bias?: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeLeft = false, transposeRight = false } = options;
  expectRank('matmul', 'left', left.shape, 2, transposeLeft ? '[inner, rows]' : '[rows, inner]');
  expectRank('matmul', 'right', right.shape, 2, transposeRight ? '[columns, inner]' : '[inner, columns]');
  const [rows, inner] = transposeLeft ? left.shape.toReversed() : left.shape;
  const [rightInner, columns] = transposeRight ? right.shape.toReversed() : right.shape;
  if (rightInner !== inner)
    throw new ShapeError(
      `matmul: ${formatShape([rows, inner])} x ${formatShape([rightInner, columns])}: ${inner} is not ${rightInner}`,
    );
  if (bias && (bias.shape.length !== 1 || bias.size !== columns))
    throw new ShapeError(`matmul: bias ${formatShape(bias.shape)} does not fit ${columns} columns`);
  const inputs = bias ? [left, right, bias] : [left, right];
  const output = outputOf('matmul', inputs, [rows, columns]);
  output.backend.run({
    kernel: 'matmul',
    inputs: { left: left.slot, right: right.slot, bias: bias?.slot },
    outputs: { output: output.slot },
    attributes: { rows, inner, columns, transposeLeft, transposeRight, activation: LINEAR },
  });
  // Y = A B in matrices, A [rows,inner], B [inner,columns]. A[r,k] enters Y[r,c] for every c, weighted B[k,c]:
  //   dA[r,k] = sum over c of dY[r,c] * B[k,c], or dA = dY Bᵀ
  //   dB[k,c] = sum over r of A[r,k] * dY[r,c], or dB = Aᵀ dY;   dBias[c] = sum over r of dY[r,c]
  // An operand that is stored transposed gets the transpose of its gradient: (dY Bᵀ)ᵀ = B dYᵀ and (Aᵀ dY)ᵀ = dYᵀ A.
  return differentiable(output, inputs, (dOutput) => {
    const dLeft = () =>
      transposeLeft
        ? matmul(right, dOutput, undefined, { transposeLeft: transposeRight, transposeRight: true })
        : matmul(dOutput, right, undefined, { transposeRight: !transposeRight });
    const dRight = () =>
      transposeRight
        ? matmul(dOutput, left, undefined, { transposeLeft: true, transposeRight: transposeLeft })
        : matmul(left, dOutput, undefined, { transposeLeft: !transposeLeft });
    return [
      left.requiresGradient ? dLeft() : undefined,
      right.requiresGradient ? dRight() : undefined,
      bias && biasGradient(bias, dOutput),
    ];
  });
}
