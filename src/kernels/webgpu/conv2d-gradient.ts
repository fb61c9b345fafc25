import type { Conv2dSizes, KernelCall, Slot } from '../kernel';
import type { Dispatch, WebgpuKernel } from './dispatch';
import { chooseTile, type MatrixTile, productWith, type Tile, tilesFor, workgroupsOf } from './gemm';
import { sumParts } from './reduction';

export const conv2dInputGradient: WebgpuKernel<'conv2dInputGradient'> = (call) => {
  const { batch, height, width, inChannels, outChannels } = call.attributes;
  return [tiledInputGradient(call, chooseTile(tilesFor(inChannels, outChannels), batch * height * width, inChannels))];
};

/** The gradient of the input with a tile of one's choice. */
export function tiledInputGradient(call: KernelCall<'conv2dInputGradient'>, tile: Tile | MatrixTile): Dispatch {
  const { outputGradient, filter, addend } = call.inputs;
  const { batch, height, width, inChannels, outHeight, outWidth, outChannels } = call.attributes;
  const { filterHeight, filterWidth, strideY, strideX, top, left } = call.attributes;
  const phases = strideY * strideX;
  const rows = batch * Math.ceil(height / strideY) * Math.ceil(width / strideX);
  return {
    ...productWith('conv2dInputGradient', tile, inChannels, outChannels),
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
export const filterTilesFor = (...channels: number[]): Tile[] => tilesFor(...channels).filter(isSquare);
const isSquare = ({ rows, columns }: Tile | MatrixTile): boolean => rows === columns;

/** Workgroups that the sum over all positions is cut into: several for each core of a large card. */
const ENOUGH_WORKGROUPS = 1024;
/** Positions that a part adds up at least, before another one is worth its second sum. */
const LEAST_SHARE = 256;

type FilterSizes = Pick<Conv2dSizes, 'filterHeight' | 'filterWidth' | 'inChannels' | 'outChannels'>;
const rowsOf = ({ filterHeight, filterWidth, inChannels }: FilterSizes): number =>
  filterHeight * filterWidth * inChannels;

/** The largest square tile that the filter fills. Parts make up for a small number of tiles: only its size matters. */
export function filterTile<T extends Tile | MatrixTile>(tiles: readonly T[], sizes: FilterSizes): T {
  const squares = tiles.filter(isSquare);
  const fitting = squares.find((tile) => tile.rows <= rowsOf(sizes) && tile.columns <= sizes.outChannels);
  return fitting ?? squares[squares.length - 1];
}

/** How many parts keep a card busy. */
export const enoughParts = (tile: Tile | MatrixTile, sizes: FilterSizes): number =>
  Math.ceil(ENOUGH_WORKGROUPS / workgroupsOf(tile, rowsOf(sizes), sizes.outChannels));

export const conv2dFilterGradient: WebgpuKernel<'conv2dFilterGradient'> = (call) => {
  const { inChannels, outChannels } = call.attributes;
  const tile = filterTile(tilesFor(inChannels, outChannels), call.attributes);
  return tiledFilterGradient(call, tile, enoughParts(tile, call.attributes));
};

/** The gradient of the filter with a tile of one's choice, in at most `mostParts` parts. */
export function tiledFilterGradient(
  call: KernelCall<'conv2dFilterGradient'>,
  tile: Tile | MatrixTile,
  mostParts: number,
): Dispatch[] {
  const { input, outputGradient } = call.inputs;
  const { batch, height, width, inChannels, outHeight, outWidth, outChannels } = call.attributes;
  const { filterWidth, strideY, strideX, top, left } = call.attributes;
  const { output } = call.outputs;
  const rows = rowsOf(call.attributes);
  const positions = batch * outHeight * outWidth;
  const wanted = Math.min(mostParts, Math.ceil(positions / LEAST_SHARE));
  const share = Math.ceil(positions / wanted / tile.inner) * tile.inner;
  const parts = Math.ceil(positions / share);
  const product = (to: Slot): Dispatch => ({
    ...productWith('conv2dFilterGradient', tile, inChannels, outChannels),
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
