import { LINEAR } from '../../kernels/kernel';
import { biasGradient, gradientFor, outputOf } from '../operation';
import { differentiable } from '../record';
import { expectRank, formatShape, ShapeError } from '../shape';
import type { Tensor } from '../tensor';
import type { Conv2dOptions } from './conv2d';
import { windowSizes } from './window';

/**
 * Convolution of each channel with its own filter (Howard et al. 2017, section 3.1):
 * Y[n,i,j,c] = bias[c] + sum over p,q of X[n, i*stride+p-top, j*stride+q-left, c] * K[p,q,c].
 *
 * @param input  [batch, height, width, channels]
 * @param filter [filterHeight, filterWidth, channels, 1]
 * @returns [batch, outHeight, outWidth, channels]; 'same' (the default) gives ceil(height / stride)
 * @throws ShapeError when the channels differ or the filter exceeds the padded input
 */
export function depthwiseConv2d(input: Tensor, filter: Tensor, options: Conv2dOptions = {}): Tensor {
  const { bias, stride = 1, padding = 'same' } = options;
  expectRank('depthwiseConv2d', 'input', input.shape, 4, '[batch, height, width, channels]');
  expectRank('depthwiseConv2d', 'filter', filter.shape, 4, '[height, width, channels, 1]');
  const channels = input.shape[3];
  if (filter.shape[2] !== channels || filter.shape[3] !== 1)
    throw new ShapeError(
      `depthwiseConv2d: input ${formatShape(input.shape)} needs a filter [height,width,${channels},1], not ${formatShape(filter.shape)}`,
    );
  if (bias && (bias.shape.length !== 1 || bias.size !== channels))
    throw new ShapeError(`depthwiseConv2d: bias ${formatShape(bias.shape)} does not fit ${channels} channels`);

  const sizes = windowSizes('depthwiseConv2d', input.shape, filter.shape, stride, padding);
  const inputs = bias ? [input, filter, bias] : [input, filter];
  const output = outputOf('depthwiseConv2d', inputs, [sizes.batch, sizes.outHeight, sizes.outWidth, channels]);
  output.backend.run({
    kernel: 'depthwiseConv2d',
    inputs: { input: input.slot, filter: filter.slot, bias: bias?.slot },
    outputs: { output: output.slot },
    attributes: { ...sizes, channels, activation: LINEAR },
  });
  // X[n,y,x,c] enters every Y[n,i,j,c] with y = i*stride+p-top, x = j*stride+q-left, weighted K[p,q,c]:
  //   dX[n,y,x,c] = sum over those i,j,p,q of dY[n,i,j,c] * K[p,q,c]
  //   dK[p,q,c]   = sum over n,i,j of X[n, i*stride+p-top, j*stride+q-left, c] * dY[n,i,j,c]
  //   dBias[c]    = sum over n,i,j of dY[n,i,j,c]
  const attributes = { ...sizes, channels };
  return differentiable(output, inputs, (dOutput) => [
    gradientFor(input, (dInput) => ({
      kernel: 'depthwiseConv2dInputGradient',
      inputs: { outputGradient: dOutput.slot, filter: filter.slot },
      outputs: { output: dInput },
      attributes,
    })),
    gradientFor(filter, (dFilter) => ({
      kernel: 'depthwiseConv2dFilterGradient',
      inputs: { input: input.slot, outputGradient: dOutput.slot },
      outputs: { output: dFilter },
      attributes,
    })),
    bias && biasGradient(bias, dOutput),
  ]);
}
