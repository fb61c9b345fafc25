import { noGradient } from '../tensor/autograd';
import { relu } from '../tensor/ops/activations';
import { divideByRoot, multiply, scale } from '../tensor/ops/arithmetic';
import { concat } from '../tensor/ops/concat';
import { sum } from '../tensor/ops/reduce';
import type { Tensor } from '../tensor/tensor';

/**
 * Gradients made shorter, all by one factor, where their common length exceeds a maximum (Pascanu et al. 2013): the
 * length is that of all numbers of all of them in one vector. As PyTorch's clip_grad_norm_, the factor is
 * min(1, maximum / (norm + 1e-6)). Nothing is read from the device.
 *
 * @returns the clipped gradients, and the norm they had before, a single number: read it to show it
 */
export function clipGradients(
  gradients: readonly Tensor[],
  maximumNorm: number,
): { gradients: Tensor[]; norm: Tensor } {
  return noGradient(() => {
    const squares = gradients.map((gradient) => sum(multiply(gradient, gradient)).reshape(1));
    const total = sum(concat(squares, 0));
    const ratio = scale(overRoot(scale(total, 0, 1), total), maximumNorm);
    const factor = scale(relu(scale(ratio, -1, 1)), -1, 1); // min(1, r) = 1 - max(0, 1 - r)
    return { gradients: gradients.map((gradient) => multiply(gradient, factor)), norm: overRoot(total, total) };
  });
}

const overRoot = (numerator: Tensor, square: Tensor): Tensor => divideByRoot(numerator, square, 1e-6);
