import { outputOf } from '../operation';
import { expectRank, type Shape } from '../shape';
import type { Tensor } from '../tensor';
import { type Padding, type Stride, windowSizes } from './window';

export interface PoolOptions {
  /** Side of the window: square, or [height, width]. */
  size: number | readonly [number, number];
  /** Default: the size, so that windows do not overlap. */
  stride?: Stride;
  padding?: Padding;
}

/**
 * The largest value in each window, per channel. Padding is never the largest.
 *
 * @param input [batch, height, width, channels]
 * @returns [batch, outHeight, outWidth, channels]
 * @throws ShapeError when the window exceeds the padded input
 */
export const maxPool2d = (input: Tensor, options: PoolOptions): Tensor => pool('maxPool2d', input, options);

/**
 * The mean of each window, per channel, over the positions inside the image: padding does not count.
 *
 * @param input [batch, height, width, channels]
 * @returns [batch, outHeight, outWidth, channels]
 * @throws ShapeError when the window exceeds the padded input
 */
export const averagePool2d = (input: Tensor, options: PoolOptions): Tensor => pool('averagePool2d', input, options);

function pool(kernel: 'maxPool2d' | 'averagePool2d', input: Tensor, options: PoolOptions): Tensor {
  const { size, padding = 'valid' } = options;
  const window: Shape = typeof size === 'number' ? [size, size] : size;
  const { stride = [window[0], window[1]] } = options;
  expectRank(kernel, 'input', input.shape, 4, '[batch, height, width, channels]');
  const channels = input.shape[3];
  const sizes = windowSizes(kernel, input.shape, window, stride, padding);
  const output = outputOf(kernel, [input], [sizes.batch, sizes.outHeight, sizes.outWidth, channels]);
  output.backend.run({
    kernel,
    inputs: { input: input.slot },
    outputs: { output: output.slot },
    attributes: { ...sizes, channels },
  });
  return output;
}
