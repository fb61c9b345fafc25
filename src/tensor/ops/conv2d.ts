import { LINEAR } from '../../kernels/kernel';
import { biasGradient, gradientFor, outputOf } from '../operation';
import { differentiable } from '../record';
import { expectRank, formatShape, ShapeError } from '../shape';
import type { Tensor } from '../tensor';
import { type Padding, type Stride, windowSizes } from './window';

export interface Conv2dOptions {
  /** [outChannels], added to every position. */
  bias?: Tensor | undefined;
  stride?: Stride;
  padding?: Padding;
}

/**
 * Two-dimensional convolution (cross-correlation), as every deep-learning text means it:
 * Y[n,i,j,o] = bias[o] + sum over p,q,c of X[n, i*stride+p-top, j*stride+q-left, c] * K[p,q,c,o].
 *
 * @param input  [batch, height, width, inChannels]
 * @param filter [filterHeight, filterWidth, inChannels, outChannels]
 * @returns [batch, outHeight, outWidth, outChannels]; 'same' (the default) gives ceil(height / stride)
 * @throws ShapeError when the channels differ or the filter exceeds the padded input
 */
export function conv2d(input: Tensor, filter: Tensor, options: Conv2dOptions = {}): Tensor {
  const { bias, stride = 1, padding = 'same' } = options;
  expectRank('conv2d', 'input', input.shape, 4, '[batch, height, width, channels]');
  expectRank('conv2d', 'filter', filter.shape, 4, '[height, width, inChannels, outChannels]');
  const [, , inChannels, outChannels] = filter.shape;
  if (input.shape[3] !== inChannels)
    throw new ShapeError(
      `conv2d: input ${formatShape(input.shape)} has ${input.shape[3]} channels, the filter ${formatShape(filter.shape)} expects ${inChannels}`,
    );
  if (bias && (bias.shape.length !== 1 || bias.size !== outChannels))
    throw new ShapeError(
      `conv2d: bias ${formatShape(bias.shape)} does not fit the ${outChannels} channels of the output`,
    );

  const sizes = windowSizes('conv2d', input.shape, filter.shape, stride, padding);
  const inputs = bias ? [input, filter, bias] : [input, filter];
  const output = outputOf('conv2d', inputs, [sizes.batch, sizes.outHeight, sizes.outWidth, outChannels]);
  output.backend.run({
    kernel: 'conv2d',
    inputs: { input: input.slot, filter: filter.slot, bias: bias?.slot },
    outputs: { output: output.slot },
    attributes: { ...sizes, inChannels, outChannels, activation: LINEAR },
  });
  // X[n,y,x,c] enters every Y[n,i,j,o] with y = i*stride+p-top, x = j*stride+q-left, weighted K[p,q,c,o]:
  //   dX[n,y,x,c] = sum over those i,j,p,q and over o of dY[n,i,j,o] * K[p,q,c,o]
  //   dK[p,q,c,o] = sum over n,i,j of X[n, i*stride+p-top, j*stride+q-left, c] * dY[n,i,j,o]
  //   dBias[o]    = sum over n,i,j of dY[n,i,j,o]
  const attributes = { ...sizes, inChannels, outChannels };
  return differentiable(output, inputs, (dOutput) => [
    gradientFor(input, (dInput) => ({
      kernel: 'conv2dInputGradient',
      inputs: { outputGradient: dOutput.slot, filter: filter.slot },
      outputs: { output: dInput },
      attributes,
    })),
    gradientFor(filter, (dFilter) => ({
      kernel: 'conv2dFilterGradient',
      inputs: { input: input.slot, outputGradient: dOutput.slot },
      outputs: { output: dFilter },
      attributes,
    })),
    bias && biasGradient(bias, dOutput),
  ]);
}
