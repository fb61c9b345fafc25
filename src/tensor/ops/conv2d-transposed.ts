import { LINEAR, type WindowSizes } from '../../kernels/kernel';
import { gradientFor, outputOf } from '../operation';
import { differentiable } from '../record';
import { expectRank, formatShape, ShapeError } from '../shape';
import type { Tensor } from '../tensor';

/** Of the convolution whose gradient it is: `height` and `width` are those of the result. */
export type TransposedWindow = Omit<WindowSizes, 'batch' | 'outHeight' | 'outWidth' | 'filterHeight' | 'filterWidth'>;

/**
 * Transposed convolution: what conv2d() with this filter hands back to its input when the gradient of its output is
 * `input`. Each number spreads a copy of the filter: Y[n,y,x,c] = sum over o and y = i*stride+p-top, x = j*stride+q-left
 * of X[n,i,j,o] * K[p,q,c,o].
 *
 * @param input  [batch, height, width, inChannels]
 * @param filter [filterHeight, filterWidth, outChannels, inChannels]
 * @returns [batch, window.height, window.width, outChannels]
 */
export function conv2dTransposed(input: Tensor, filter: Tensor, window: TransposedWindow): Tensor {
  expectRank('conv2dTransposed', 'input', input.shape, 4, '[batch, height, width, channels]');
  expectRank('conv2dTransposed', 'filter', filter.shape, 4, '[height, width, outChannels, inChannels]');
  const [batch, outHeight, outWidth, channels] = input.shape;
  const [filterHeight, filterWidth, inChannels, outChannels] = filter.shape;
  if (channels !== outChannels)
    throw new ShapeError(
      `conv2dTransposed: input ${formatShape(input.shape)} has ${channels} channels, the filter ${formatShape(filter.shape)} expects ${outChannels}`,
    );
  const attributes = {
    ...window,
    batch,
    outHeight,
    outWidth,
    filterHeight,
    filterWidth,
    inChannels,
    outChannels,
  };
  const output = outputOf('conv2dTransposed', [input, filter], [batch, window.height, window.width, inChannels]);
  output.backend.run({
    kernel: 'conv2dInputGradient',
    inputs: { outputGradient: input.slot, filter: filter.slot },
    outputs: { output: output.slot },
    attributes,
  });
  // It is linear in both: X gets what the convolution makes of dY, and K what the convolution's K would, with dY as the
  // convolution's input and X as the gradient of its output.
  return differentiable(output, [input, filter], (dOutput) => [
    gradientFor(input, (dInput) => ({
      kernel: 'conv2d',
      inputs: { input: dOutput.slot, filter: filter.slot },
      outputs: { output: dInput },
      attributes: { ...attributes, activation: LINEAR },
    })),
    gradientFor(filter, (dFilter) => ({
      kernel: 'conv2dFilterGradient',
      inputs: { input: dOutput.slot, outputGradient: input.slot },
      outputs: { output: dFilter },
      attributes,
    })),
  ]);
}
