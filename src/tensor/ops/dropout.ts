import type { Random } from '../random';
import { Tensor } from '../tensor';
import { multiply } from './arithmetic';

/**
 * Inverted dropout (Srivastava et al. 2014): each number becomes zero with the given probability, the others are
 * divided by 1 - probability, so that the mean stays what it is without dropout. It is a product with a mask that
 * has no gradient of its own, and its gradient is that of the product: dX = dY * mask.
 *
 * @param input any shape
 * @param probability from 0 to below 1
 * @param random draws the mask: the same state drops the same numbers
 * @returns the same shape
 */
export function dropout(input: Tensor, probability: number, random: Random): Tensor {
  if (!(probability >= 0 && probability < 1))
    throw new RangeError(`dropout: probability ${probability} is not from 0 to below 1`);
  const mask = new Float32Array(input.size);
  for (let i = 0; i < mask.length; i++) mask[i] = random.next() < probability ? 0 : 1 / (1 - probability);
  return multiply(input, Tensor.from(input.backend, mask, input.shape));
}
