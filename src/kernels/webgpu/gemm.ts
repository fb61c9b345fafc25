import type { Dispatch } from './dispatch';
import { type LaneShader, lanesOf, withLanes } from './lanes';
import type { ShaderName } from './shaders';

/**
 * What one workgroup computes of a product of matrices (gemm.wgsl): `rows` x `columns` numbers, taking `inner` terms of
 * the sum into workgroup memory at a time. A thread computes four, eight or sixteen rows of one or two vectors of four
 * columns, in registers; `slices` groups of threads share the terms.
 */
export interface Tile {
  rows: number;
  columns: number;
  inner: number;
  rowsPerThread: 4 | 8 | 16;
  columnVectors: 1 | 2;
  slices: number;
  /** Workgroups from which on it keeps a large card busy. With fewer, a smaller tile is the better choice. */
  enough: number;
}

/**
 * From large to small: a large tile reads less, a small one leaves enough workgroups to fill the card. Which, and from
 * how many workgroups on, was measured on an H100 (`likeness bench --tune` measures it on any card).
 */
export const TILES: readonly Tile[] = [
  { rows: 128, columns: 128, inner: 16, rowsPerThread: 16, columnVectors: 2, slices: 1, enough: 768 },
  { rows: 64, columns: 64, inner: 16, rowsPerThread: 8, columnVectors: 1, slices: 1, enough: 160 },
  { rows: 128, columns: 32, inner: 16, rowsPerThread: 8, columnVectors: 1, slices: 1, enough: 512 },
  { rows: 32, columns: 32, inner: 32, rowsPerThread: 4, columnVectors: 1, slices: 2, enough: 128 },
  { rows: 16, columns: 16, inner: 64, rowsPerThread: 4, columnVectors: 1, slices: 4, enough: 0 },
];

/** What a workgroup computes by products of small matrices (gemm-matrices.wgsl), and of that each of its subgroups. */
export interface MatrixTile {
  rows: number;
  columns: number;
  inner: 16 | 32;
  subgroupRows: 16 | 32 | 64;
  subgroupColumns: 16 | 32;
  enough: number;
}

/**
 * As TILES, measured on an H200 with the 3x3 layers of the default MiniResNet. None needs more than MATRIX_STORAGE bytes of
 * workgroup memory.
 */
export const MATRIX_TILES: readonly MatrixTile[] = [
  { rows: 128, columns: 128, inner: 32, subgroupRows: 64, subgroupColumns: 32, enough: 300 },
  { rows: 128, columns: 64, inner: 32, subgroupRows: 32, subgroupColumns: 32, enough: 500 },
  { rows: 64, columns: 64, inner: 32, subgroupRows: 32, subgroupColumns: 32, enough: 150 },
  { rows: 64, columns: 32, inner: 32, subgroupRows: 16, subgroupColumns: 32, enough: 0 },
  { rows: 32, columns: 32, inner: 32, subgroupRows: 16, subgroupColumns: 16, enough: 0 },
];

export const MATRIX_STORAGE = 28 * 1024;

/** Tiles in a product of `rows` x `columns`. */
export const workgroupsOf = (tile: Tile | MatrixTile, rows: number, columns: number): number =>
  Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns);

/** Single numbers cannot be loaded fast enough for tiles that are larger than these. */
const TILES_OF_NUMBERS = TILES.slice(2);

export const tilesFor = (...channels: number[]): readonly Tile[] =>
  lanesOf(...channels) === 4 ? TILES : TILES_OF_NUMBERS;

/** The largest of the tiles that is not wider than the product and leaves enough workgroups, else the last. */
export const chooseTile = <T extends Tile | MatrixTile>(tiles: readonly T[], rows: number, columns: number): T =>
  tiles.find((tile) => tile.columns <= columns && workgroupsOf(tile, rows, columns) >= tile.enough) ??
  tiles[tiles.length - 1];

/** The constants of gemm.wgsl. */
export const tileConstants = ({ rows, columns, inner, rowsPerThread, columnVectors, slices }: Tile) => ({
  TILE_ROWS: rows,
  TILE_COLUMNS: columns,
  TILE_INNER: inner,
  ROWS_PER_THREAD: rowsPerThread,
  COLUMN_VECTORS: columnVectors,
  SLICES: slices,
});

/** Those of gemm-matrices.wgsl. */
export const matrixSizes = ({ rows, columns, inner, subgroupRows, subgroupColumns }: MatrixTile) => ({
  TILE_ROWS: rows,
  TILE_COLUMNS: columns,
  TILE_INNER: inner,
  SUBGROUP_ROWS: subgroupRows,
  SUBGROUP_COLUMNS: subgroupColumns,
});

/** The shaders that are one product of matrices, and their form for small matrices. */
const PRODUCTS = {
  conv2d: 'conv2dMatrices',
  conv2dInputGradient: 'conv2dInputGradientMatrices',
  conv2dFilterGradient: 'conv2dFilterGradientMatrices',
} as const satisfies { [S in LaneShader]?: ShaderName };

/** The shader of a product with this tile, over so many channels, and how it is told the tile. */
export const productWith = (
  product: keyof typeof PRODUCTS,
  tile: Tile | MatrixTile,
  ...channels: number[]
): Pick<Dispatch, 'shader' | 'constants' | 'sizes'> =>
  'subgroupRows' in tile
    ? { shader: PRODUCTS[product], sizes: matrixSizes(tile) }
    : { shader: withLanes(product, lanesOf(...channels)), constants: tileConstants(tile) };
