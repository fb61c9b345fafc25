import { type Conv2dSizes, isLinear, type KernelCall } from '../kernel';
import { mergedMoments } from './batch-norm-training';
import { ceilingOf, type Dispatch, type WebgpuKernel } from './dispatch';
import { chooseTile, type MatrixTile, productWith, type Tile, tilesFor, workgroupsOf } from './gemm';

export const conv2d: WebgpuKernel<'conv2d'> = (call) => {
  const { batch, outHeight, outWidth, inChannels, outChannels } = call.attributes;
  const tile = chooseTile(tilesFor(inChannels, outChannels), batch * outHeight * outWidth, outChannels);
  return [tiledConv2d(call, tile)];
};

/** The convolution with a tile of one's choice. */
export function tiledConv2d({ inputs, outputs, attributes }: KernelCall<'conv2d'>, tile: Tile | MatrixTile): Dispatch {
  const { input, filter, bias, residual } = inputs;
  const { batch, height, width, inChannels, outHeight, outWidth, outChannels } = attributes;
  const { filterHeight, filterWidth, strideY, strideX, top, left, activation } = attributes;
  const { constants, ...product } = productWith('conv2d', tile, inChannels, outChannels);
  return {
    ...product,
    constants: { ...constants, POINTWISE: isPointwise(attributes) ? 1 : 0 },
    inputs: [input, filter, bias, residual],
    output: outputs.output,
    moreOutputs: [undefined], // moments, see conv2dWithMoments()
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

/**
 * A convolution and the moments of its output, merged out of those of each tile: what was just computed is not read once
 * more. Undefined for calls that do not belong together so, or where something follows the sum.
 * @param dispatches what is done for the convolution: one product, or it stays as it is
 */
export function conv2dWithMoments(
  conv: KernelCall,
  dispatches: readonly Dispatch[],
  moments: KernelCall,
): [conv: Dispatch[], moments: Dispatch[]] | undefined {
  if (conv.kernel !== 'conv2d' || moments.kernel !== 'channelMoments') return undefined;
  const { batch, outHeight, outWidth, outChannels, activation } = conv.attributes;
  if (moments.inputs.input !== conv.outputs.output || moments.attributes.channels !== outChannels) return undefined;
  if (conv.inputs.bias || conv.inputs.residual || !isLinear(activation)) return undefined;
  const [product, ...others] = dispatches;
  const size = product.constants?.TILE_ROWS;
  if (others.length > 0 || size === undefined) return undefined;
  const rows = batch * outHeight * outWidth;
  const sets = { length: 2 * Math.ceil(rows / size) * outChannels };
  return [
    [{ ...product, constants: { ...product.constants, MOMENTS: 1 }, moreOutputs: [sets], scratch: [sets] }],
    mergedMoments({ sets, size, rows, channels: outChannels }, moments.outputs.output),
  ];
}

/** One pixel of the input for each of the output: a product of matrices. */
const isPointwise = ({ filterHeight, filterWidth, strideY, strideX, top, left, ...sizes }: Conv2dSizes): boolean =>
  [filterHeight, filterWidth, strideY, strideX].every((one) => one === 1) &&
  top === 0 &&
  left === 0 &&
  sizes.outHeight === sizes.height &&
  sizes.outWidth === sizes.width;
