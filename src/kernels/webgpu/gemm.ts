/**
 * What one workgroup computes of a product of matrices (gemm.wgsl): `rows` x `columns` numbers, taking `inner` terms of
 * the sum into workgroup memory at a time. A thread computes `rowsPerThread` (1, 2, 4 or 8) x 4 numbers in registers.
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

/** Tiles in a product of `rows` x `columns`. */
export const workgroupsOf = (tile: Tile, rows: number, columns: number): number =>
  Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns);

/** The largest tile that is not wider than the product and leaves enough workgroups, else the smallest. */
export const chooseTile = (rows: number, columns: number): Tile =>
  TILES.find((tile) => tile.columns <= columns && workgroupsOf(tile, rows, columns) >= ENOUGH_WORKGROUPS) ??
  TILES[TILES.length - 1];

/** The constants of gemm.wgsl. */
export const tileConstants = ({ rows, columns, inner, rowsPerThread }: Tile, isVector: boolean) => ({
  TILE_ROWS: rows,
  TILE_COLUMNS: columns,
  TILE_INNER: inner,
  ROWS_PER_THREAD: rowsPerThread,
  VECTOR: isVector ? 1 : 0,
});
