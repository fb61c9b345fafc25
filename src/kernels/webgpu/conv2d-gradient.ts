import type { KernelCall, Slot } from '../kernel';
import type { Dispatch, WebgpuKernel } from './dispatch';
import { chooseTile, type Tile, tileConstants, tilesFor, workgroupsOf } from './gemm';
import { lanesOf, withLanes } from './lanes';
import { sumParts } from './reduction';

export const conv2dInputGradient: WebgpuKernel<'conv2dInputGradient'> = (call) => {
  const { batch, height, width, inChannels, outChannels } = call.attributes;
  return [tiledInputGradient(call, chooseTile(tilesFor(inChannels, outChannels), batch * height * width, inChannels))];
};

/** The gradient of the input with a tile of one's choice. */
export function tiledInputGradient(call: KernelCall<'conv2dInputGradient'>, tile: Tile): Dispatch {
  const { outputGradient, filter, addend } = call.inputs;
  const { batch, height, width, inChannels, outHeight, outWidth, outChannels } = call.attributes;
  const { filterHeight, filterWidth, strideY, strideX, top, left } = call.attributes;
  const phases = strideY * strideX;
  const rows = batch * Math.ceil(height / strideY) * Math.ceil(width / strideX);
  return {
    shader: withLanes('conv2dInputGradient', lanesOf(inChannels, outChannels)),
    constants: tileConstants(tile),
    inputs: [outputGradient, filter, addend],
    output: call.outputs.output,
    integers: [
      rows,
      inChannels,
      phases,
      batch,
      height,
      width,
      outHeight,
      outWidth,
      outChannels,
      filterHeight,
      filterWidth,
      strideY,
      strideX,
      top,
      left,
      addend ? 1 : 0,
    ],
    workgroups: phases * workgroupsOf(tile, rows, inChannels),
  };
}

/** Square ones: rows are as long as columns here. */
export const filterTilesFor = (...channels: number[]): Tile[] =>
  tilesFor(...channels).filter((tile) => tile.rows === tile.columns);

/** Workgroups that the sum over all positions is cut into: several for each core of a large card. */
const ENOUGH_WORKGROUPS = 1024;
/** Positions that a part adds up at least, before another one is worth its second sum. */
const LEAST_SHARE = 256;

export const conv2dFilterGradient: WebgpuKernel<'conv2dFilterGradient'> = (call) => {
  const { filterHeight, filterWidth, inChannels, outChannels } = call.attributes;
  const rows = filterHeight * filterWidth * inChannels;
  // Parts make up for a small number of tiles, so only the size of the product matters.
  const tiles = filterTilesFor(inChannels, outChannels);
  const tile = tiles.find((one) => one.rows <= rows && one.columns <= outChannels) ?? tiles[tiles.length - 1];
  return tiledFilterGradient(call, tile, Math.ceil(ENOUGH_WORKGROUPS / workgroupsOf(tile, rows, outChannels)));
};

/** The gradient of the filter with a tile of one's choice, in at most `mostParts` parts. */
export function tiledFilterGradient(
  call: KernelCall<'conv2dFilterGradient'>,
  tile: Tile,
  mostParts: number,
): Dispatch[] {
  const { input, outputGradient } = call.inputs;
  const { batch, height, width, inChannels, outHeight, outWidth, outChannels } = call.attributes;
  const { filterHeight, filterWidth, strideY, strideX, top, left } = call.attributes;
  const { output } = call.outputs;
  const rows = filterHeight * filterWidth * inChannels;
  const positions = batch * outHeight * outWidth;
  const wanted = Math.min(mostParts, Math.ceil(positions / LEAST_SHARE));
  const share = Math.ceil(positions / wanted / tile.inner) * tile.inner;
  const parts = Math.ceil(positions / share);
  const product = (to: Slot): Dispatch => ({
    shader: withLanes('conv2dFilterGradient', lanesOf(inChannels, outChannels)),
    constants: tileConstants(tile),
    inputs: [input, outputGradient],
    output: to,
    integers: [
      rows,
      outChannels,
      parts,
      positions,
      share,
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
    ],
    workgroups: parts * workgroupsOf(tile, rows, outChannels),
  });
  if (parts === 1) return [product(output)];
  const weights = rows * outChannels;
  const partial = { length: parts * weights };
  return [{ ...product(partial), scratch: [partial] }, sumParts(partial, parts, weights, output)];
}
