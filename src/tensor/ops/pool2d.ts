import { gradientFor, outputOf } from '../operation';
import { differentiable } from '../record';
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
export function maxPool2d(input: Tensor, options: PoolOptions): Tensor {
  const { output, attributes } = pool('maxPool2d', input, options);
  // Y[n,i,j,c] is one of its window's numbers and moves with that one alone, the first where several are the largest:
  //   dX[n,y,x,c] = sum over the windows whose largest is at y,x of dY[n,i,j,c]
  return differentiable(output, [input], (dOutput) => [
    gradientFor(input, (dInput) => ({
      kernel: 'maxPool2dGradient',
      inputs: { input: input.slot, outputGradient: dOutput.slot },
      outputs: { output: dInput },
      attributes,
    })),
  ]);
}

/**
 * The mean of each window, per channel, over the positions inside the image: padding does not count.
 *
 * @param input [batch, height, width, channels]
 * @returns [batch, outHeight, outWidth, channels]
 * @throws ShapeError when the window exceeds the padded input
 */
export function averagePool2d(input: Tensor, options: PoolOptions): Tensor {
  const { output, attributes } = pool('averagePool2d', input, options);
  // X[n,y,x,c] enters each window that covers it with weight 1 / (positions of that window inside the image):
  //   dX[n,y,x,c] = sum over those windows of dY[n,i,j,c] / positions(i,j)
  return differentiable(output, [input], (dOutput) => [
    gradientFor(input, (dInput) => ({
      kernel: 'averagePool2dGradient',
      inputs: { outputGradient: dOutput.slot },
      outputs: { output: dInput },
      attributes,
    })),
  ]);
}

function pool(kernel: 'maxPool2d' | 'averagePool2d', input: Tensor, options: PoolOptions) {
  const { size, padding = 'valid' } = options;
  const window: Shape = typeof size === 'number' ? [size, size] : size;
  const { stride = [window[0], window[1]] } = options;
  expectRank(kernel, 'input', input.shape, 4, '[batch, height, width, channels]');
  const channels = input.shape[3];
  const sizes = windowSizes(kernel, input.shape, window, stride, padding);
  const output = outputOf(kernel, [input], [sizes.batch, sizes.outHeight, sizes.outWidth, channels]);
  const attributes = { ...sizes, channels };
  output.backend.run({
    kernel,
    inputs: { input: input.slot },
    outputs: { output: output.slot },
    attributes,
  });
  return { output, attributes };
}
