import type { Conv2dSizes } from '../kernel';
import { ceilingOf, type Dispatch, type WebgpuKernel } from './dispatch';
import { chooseTile, type Tile, tileConstants, tilesFor, workgroupsOf } from './gemm';
import { lanesOf, withLanes } from './lanes';

export const conv2d: WebgpuKernel<'conv2d'> = (call) => {
  const { batch, outHeight, outWidth, inChannels, outChannels } = call.attributes;
  const tile = chooseTile(tilesFor(inChannels, outChannels), batch * outHeight * outWidth, outChannels);
  return [tiledConv2d(call, tile)];
};

/** The convolution with a tile of one's choice. */
export function tiledConv2d({ inputs, outputs, attributes }: Parameters<typeof conv2d>[0], tile: Tile): Dispatch {
  const { input, filter, bias, residual } = inputs;
  const { batch, height, width, inChannels, outHeight, outWidth, outChannels } = attributes;
  const { filterHeight, filterWidth, strideY, strideX, top, left, activation } = attributes;
  return {
    shader: withLanes('conv2d', lanesOf(inChannels, outChannels)),
    constants: { ...tileConstants(tile), POINTWISE: isPointwise(attributes) ? 1 : 0 },
    inputs: [input, filter, bias, residual],
    output: outputs.output,
    integers: [
      batch * outHeight * outWidth,
      outChannels,
      1, // all in one part
      filterHeight * filterWidth * inChannels,
      height,
      width,
      inChannels,
      outHeight,
      outWidth,
      filterWidth,
      strideY,
      strideX,
      top,
      left,
      bias ? 1 : 0,
      residual ? 1 : 0,
    ],
    reals: [activation.slope, ceilingOf(activation)],
    workgroups: workgroupsOf(tile, batch * outHeight * outWidth, outChannels),
  };
}

/** One pixel of the input for each of the output: a product of matrices. */
const isPointwise = ({ filterHeight, filterWidth, strideY, strideX, top, left, ...sizes }: Conv2dSizes): boolean =>
  [filterHeight, filterWidth, strideY, strideX].every((one) => one === 1) &&
  top === 0 &&
  left === 0 &&
  sizes.outHeight === sizes.height &&
  sizes.outWidth === sizes.width;
