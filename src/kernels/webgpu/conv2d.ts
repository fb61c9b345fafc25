import type { Slot } from '../kernel';
import { ceilingOf, type Dispatch, type WebgpuKernel } from './dispatch';
import { chooseTile, type Tile, tileConstants, workgroupsOf } from './gemm';

export const conv2d: WebgpuKernel<'conv2d'> = (call) => {
  const { batch, outHeight, outWidth, outChannels } = call.attributes;
  return [tiledConv2d(call, chooseTile(batch * outHeight * outWidth, outChannels))];
};

/** The convolution with a tile of one's choice. */
export function tiledConv2d({ inputs, outputs, attributes }: Parameters<typeof conv2d>[0], tile: Tile): Dispatch {
  const { input, filter, bias, residual } = inputs;
  const { batch, height, width, inChannels, outHeight, outWidth, outChannels } = attributes;
  const { filterHeight, filterWidth, strideY, strideX, top, left, activation } = attributes;
  const isVector = inChannels % 4 === 0 && outChannels % 4 === 0;
  // Bound a second time under the type array<vec4f>.
  const asVectors = (slot: Slot) => (isVector ? slot : undefined);
  return {
    shader: 'conv2d',
    constants: tileConstants(tile, isVector),
    inputs: [input, filter, bias, residual, asVectors(input), asVectors(filter)],
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
