/**
 * The core of convolution and matrix product: output[m, n] = f(sum over k of A[m, k] * B[k, n] + bias[n] + residual[m, n]),
 * made tile by tile (tile.ts).
 *
 * A is never copied. Its rows are cut into segments of consecutive numbers (for a convolution one segment a filter
 * tap, or one a filter row where no padding is touched), and a table says where each begins: an implicit GEMM by
 * indirection. An entry of -1 points at a row of zeros, which is all that padding costs.
 *
 * Rows past the end of the last tile read zeros, or a row that exists, and are stored to a place that nobody reads.
 */
import type { Activation } from '../kernel';
import { Assembler, type FunctionBuilder, f32x4, i32, type Local, v128 } from './assembler';
import { type Code, type Job, type Planning, pieceFunction, singleFunction } from './job';
import { chooseTile, emitTile, type Tile } from './tile';

export interface GemmShape {
  /** Rows of A, all groups together. */
  rows: number;
  inner: number;
  columns: number;
  /** Where the rows of A are. Affine: row m at m * rowStride numbers. */
  source: RowSource;
  /** Where the rows of output and residual are, unless one after the other. Needs a table as source. */
  target?: TableTarget | undefined;
  activation: Activation;
}

export type RowSource = { kind: 'affine'; rowStride: number } | TableSource;

/** Segment s of row m of group g begins at table[m][s] + g * groupStride (bytes), or is zero where the table says -1. */
export interface TableSource {
  kind: 'table';
  key: string;
  segments: number;
  /** Rows that the table describes; the same again for every group. */
  rowsOfGroup: number;
  groupStride: number;
  /** Bytes from a segment to the next, where that is the same for all and none is zero. */
  segmentStride?: number | undefined;
  /** Byte offset of a segment, or -1. */
  offset(row: number, segment: number): number;
}

/** Row m of group g goes to the byte offset(m) + g * groupStride of the output. */
export interface TableTarget {
  key: string;
  groupStride: number;
  offset(row: number): number;
}

export interface GemmOperands {
  left: number;
  right: number;
  /** Packs the right operand when it is not stored as [inner, columns]. */
  packRight?: PackRight | undefined;
  /** The right operand never changes: pack it once. */
  rightIsConstant: boolean;
  bias: number | undefined;
  residual: number | undefined;
  output: number;
}

/** A job that writes [inner, columns] as panels of [inner][panelColumns] to the address. */
export type PackRight = (address: number, panelColumns: number) => Job;

/** Below this many rows packing B costs more than it saves; a constant B is packed in any case. */
const LEAST_ROWS_TO_PACK = 24;
/** Multiply-adds of one piece: large enough to amortize its set-up, small enough to share out evenly. */
const PIECE_WORK = 250_000;
/** Where the rows that do not exist are stored. */
const SPILL_BYTES = 256;
export const spillPlace = (planning: Planning): number =>
  planning.table('spill', () => new Int32Array(SPILL_BYTES / 4));
/** As many zeros as a segment has numbers. */
export const zeroSegment = (planning: Planning, length: number): number =>
  planning.table(`zeros ${length}`, () => new Int32Array(length));

export const gemmJobs = (shape: GemmShape, operands: GemmOperands, planning: Planning): Job[] => {
  const { rows, inner, columns, source, target } = shape;
  const tile = chooseTile(planning.machine, rows, columns);
  const panels = Math.ceil(columns / tile.columns);
  const packs = operands.packRight !== undefined || operands.rightIsConstant || rows >= LEAST_ROWS_TO_PACK;
  const jobs: Job[] = [];
  let right = operands.right;
  if (packs) {
    right = planning.scratch(panels * inner * tile.columns * 4);
    const pack = operands.packRight ?? packRows(operands.right, inner, columns);
    jobs.push({ ...pack(right, tile.columns), once: operands.rightIsConstant });
  }

  const rowsOfGroup = source.kind === 'table' ? source.rowsOfGroup : rows;
  const groups = rows / rowsOfGroup;
  const tilesOfGroup = Math.ceil(rowsOfGroup / tile.rows);
  const wanted = Math.ceil(PIECE_WORK / (tile.rows * tile.columns * inner));
  // Blocks of equal size, so that the last one is not a sliver.
  const blocks = Math.ceil(tilesOfGroup / Math.min(wanted, tilesOfGroup));
  const tilesOfBlock = Math.ceil(tilesOfGroup / blocks);

  let table = 0;
  let zeros = 0;
  if (source.kind === 'table') {
    const key = `${source.key} by ${tile.rows} to ${target?.key}`;
    table = planning.table(key, () => makeTable(source, target, tile.rows, tilesOfGroup, tableSegments(source)));
    zeros = zeroSegment(planning, inner / source.segments);
  }
  jobs.push({
    code: gemmCode(shape, tile, {
      packed: packs,
      bias: operands.bias !== undefined,
      residual: operands.residual !== undefined,
      fused: planning.machine.fused,
    }),
    arguments: [
      operands.left,
      right,
      operands.bias ?? 0,
      operands.residual ?? 0,
      operands.output,
      table,
      zeros,
      spillPlace(planning),
      rowsOfGroup,
      Math.ceil(tilesOfGroup / tilesOfBlock),
      tilesOfBlock,
      source.kind === 'table' ? source.groupStride : 0,
      target?.groupStride ?? 0,
    ],
    pieces: groups * Math.ceil(tilesOfGroup / tilesOfBlock) * panels,
    work: rows * inner * columns,
  });
  return jobs;
};

/** Of segments that follow each other at a stride the first is enough. */
const tableSegments = ({ segments, segmentStride }: TableSource): number =>
  segmentStride === undefined ? segments : 1;

/** Offsets in the order in which tiles use them: [tile][segment][row of the tile], the target as a last segment. */
export const makeTable = (
  source: TableSource,
  target: TableTarget | undefined,
  tileRows: number,
  tiles: number,
  segments = source.segments,
): Int32Array => {
  const { rowsOfGroup } = source;
  const entries = segments + (target ? 1 : 0);
  const table = new Int32Array(tiles * entries * tileRows).fill(-1);
  for (let row = 0; row < rowsOfGroup; row++) {
    const first = Math.floor(row / tileRows) * entries * tileRows + (row % tileRows);
    for (let segment = 0; segment < segments; segment++)
      table[first + segment * tileRows] = source.offset(row, segment);
    if (target) table[first + segments * tileRows] = target.offset(row);
  }
  return table;
};

/** [inner, columns] becomes panels of [inner][NR], the last one filled up with zeros. */
const packRows =
  (from: number, inner: number, columns: number): PackRight =>
  (address, panelColumns) => ({
    code: packCode(panelColumns),
    arguments: [from, address, inner, columns],
    pieces: Math.ceil(columns / panelColumns),
    work: inner * columns,
  });

const packCode = (panelColumns: number): Code =>
  singleFunction(`pack ${panelColumns}`, ({ f, first, end }) => {
    const [from, to, inner, columns] = [1, 2, 3, 4].map(() => f.parameter('i32'));
    const target = f.local('i32');
    const source = f.local('i32');
    const rowBytes = f.let(i32.shl(columns, 2));
    f.forRange(first, end, 1, (panel) => {
      const column = f.let(i32.mul(panel, panelColumns));
      f.set(target, i32.add(to, i32.mul(i32.mul(panel, inner), panelColumns * 4)));
      f.set(source, i32.add(from, i32.shl(column, 2)));
      const eachRow = (copyRow: () => void): void =>
        f.forRange(0, inner, 1, () => {
          copyRow();
          f.advance(source, rowBytes);
          f.advance(target, panelColumns * 4);
        });
      f.when(
        i32.leS(i32.add(column, panelColumns), columns),
        () =>
          eachRow(() => {
            for (let at = 0; at < panelColumns * 4; at += 16) f.store(target, v128.load(source, at), at);
          }),
        () =>
          eachRow(() => {
            for (let k = 0; k < panelColumns; k++)
              f.when(
                i32.ltS(i32.add(column, k), columns),
                () => f.storeLane(target, v128.loadSplat(source, k * 4), 0, k * 4),
                () => f.storeLane(target, f32x4.const(0), 0, k * 4),
              );
          }),
      );
    });
  });

interface GemmOptions {
  packed: boolean;
  bias: boolean;
  residual: boolean;
  fused: boolean;
}

/** The numbers of the shape that are in the code; all others are arguments, so that batch sizes share it. */
const gemmCode = (shape: GemmShape, tile: Tile, options: GemmOptions): Code => {
  const { inner, columns, source, target, activation } = shape;
  const segments = source.kind === 'table' ? `${source.segments} at ${source.segmentStride}` : 1;
  const rowStride = source.kind === 'affine' ? source.rowStride : 0;
  const flags = Object.entries(options).flatMap(([name, on]) => (on ? [name] : []));
  return {
    key: [
      ...['gemm', tile.rows, tile.columns, inner, columns, source.kind, segments, rowStride],
      ...[activation.slope, activation.ceiling, ...flags, target ? 'scattered' : ''],
    ].join(' '),
    emit(limits) {
      const assembler = new Assembler(limits);
      const run = pieceFunction(assembler);
      const { fused, bias, residual, packed } = options;
      const tileOf = (width: number): FunctionBuilder => {
        const tileFunction = assembler.function();
        emitTile(tileFunction, {
          ...{
            rows: tile.rows,
            columns: width,
            rightStride: packed ? tile.columns : columns,
            inner,
            fused,
            bias,
            residual,
          },
          ...{ outputStride: columns, source, scattered: target !== undefined, activation },
        });
        return tileFunction;
      };
      const rest = columns % tile.columns;
      const full = columns >= tile.columns ? tileOf(tile.columns) : undefined;
      emitPieces(run, { full, last: rest > 0 ? tileOf(rest) : full }, shape, tile, options);
      return assembler.bytes();
    },
  };
};

/** Finds the tiles of a piece: panels change fastest, so that a block of A's rows stays in the cache. */
const emitPieces = (
  { f, first, end }: ReturnType<typeof pieceFunction>,
  /** The last panel has a function of its own when it is narrower, the others when there are any. */
  { full, last }: Record<'full' | 'last', FunctionBuilder | undefined>,
  { inner, columns, source, target }: GemmShape,
  tile: Tile,
  { packed }: GemmOptions,
): void => {
  const parameter = (): Local<'i32'> => f.parameter('i32');
  const [left, right, bias, residual, output, table] = [1, 2, 3, 4, 5, 6].map(parameter);
  const [zeros, spill, rowsOfGroup, blocksOfGroup, tilesOfBlock, groupStride] = [1, 2, 3, 4, 5, 6].map(parameter);
  const targetGroupStride = parameter();
  const panels = Math.ceil(columns / tile.columns);
  const entries = (source.kind === 'table' ? tableSegments(source) : 0) + (target ? 1 : 0);
  const panelBytes = tile.columns * 4 * (packed ? inner : 1);

  f.forRange(first, end, 1, (piece) => {
    const panel = f.let(i32.remU(piece, panels));
    const block = f.let(i32.divU(piece, panels));
    const group = f.let(i32.divU(block, blocksOfGroup));
    const firstTile = f.let(i32.mul(i32.remU(block, blocksOfGroup), tilesOfBlock));
    const row = f.let(i32.mul(firstTile, tile.rows));
    const lastRow = f.let(i32.add(row, i32.mul(tilesOfBlock, tile.rows)));
    f.set(lastRow, i32.select(i32.ltS(lastRow, rowsOfGroup), lastRow, rowsOfGroup));
    const panelRight = f.let(i32.add(right, i32.mul(panel, panelBytes)));
    const panelBias = f.let(i32.add(bias, i32.mul(panel, tile.columns * 4)));
    const groupLeft = f.let(i32.add(left, i32.mul(group, groupStride)));
    const tileTable = f.let(i32.add(table, i32.mul(firstTile, entries * tile.rows * 4)));
    // Output and residual have the same layout: one offset serves both.
    const firstColumn = i32.mul(panel, tile.columns * 4);
    const rowStart = target
      ? i32.mul(group, targetGroupStride)
      : i32.mul(i32.add(i32.mul(group, rowsOfGroup), row), columns * 4);
    const offset = f.let(i32.add(rowStart, firstColumn));
    const tilesWith = (tileFunction: FunctionBuilder): void =>
      f.continueRange(row, lastRow, tile.rows, () => {
        f.call(
          tileFunction,
          source.kind === 'affine' ? i32.add(groupLeft, i32.mul(row, source.rowStride * 4)) : groupLeft,
          panelRight,
          panelBias,
          i32.add(residual, offset),
          i32.add(output, offset),
          tileTable,
          zeros,
          spill,
          i32.sub(rowsOfGroup, row),
        );
        f.advance(tileTable, entries * tile.rows * 4);
        if (!target) f.advance(offset, tile.rows * columns * 4);
      });
    if (full && last && full !== last)
      f.when(
        i32.eq(panel, panels - 1),
        () => tilesWith(last),
        () => tilesWith(full),
      );
    else for (const only of [full ?? last]) if (only) tilesWith(only);
  });
};
