import type { Slot } from '../kernel';
import { ceilingOf, type Dispatch, type WebgpuKernel } from './dispatch';

/**
 * What one workgroup computes: `rows` output positions x `columns` output channels, taking `inner` terms of the sum
 * into workgroup memory at a time. A thread computes `rowsPerThread` (1, 2, 4 or 8) x 4 numbers in registers.
 */
export interface Tile {
  rows: number;
  columns: number;
  inner: number;
  rowsPerThread: number;
}

/** From large to small: a large tile reads less, a small one leaves enough workgroups to fill the card. */
export const TILES: readonly Tile[] = [
  { rows: 64, columns: 64, inner: 16, rowsPerThread: 8 },
  { rows: 32, columns: 32, inner: 16, rowsPerThread: 4 },
  { rows: 16, columns: 32, inner: 32, rowsPerThread: 2 },
];

/** Workgroups that keep a card busy; fewer, and a smaller tile is the better choice. */
const ENOUGH_WORKGROUPS = 128;

const workgroupsOf = ({ rows, columns }: Tile, positions: number, outChannels: number): number =>
  Math.ceil(positions / rows) * Math.ceil(outChannels / columns);

/** The largest tile that is not wider than the output and leaves enough workgroups, else the smallest. */
export const chooseTile = (positions: number, outChannels: number): Tile =>
  TILES.find(
    (tile) => tile.columns <= outChannels && workgroupsOf(tile, positions, outChannels) >= ENOUGH_WORKGROUPS,
  ) ?? TILES[TILES.length - 1];

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
    constants: {
      TILE_ROWS: tile.rows,
      TILE_COLUMNS: tile.columns,
      TILE_INNER: tile.inner,
      ROWS_PER_THREAD: tile.rowsPerThread,
      VECTOR: isVector ? 1 : 0,
    },
    inputs: [input, filter, bias, residual, asVectors(input), asVectors(filter)],
    output: outputs.output,
    integers: [
      batch * outHeight * outWidth,
      outChannels,
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
