/**
 * The core of convolution and matrix product: output[m, n] = f(sum over k of A[m, k] * B[k, n] + bias[n] + residual[m, n]).
 *
 * A tile of MR rows by NR columns is kept in registers while k runs: for each k, one splatted number a row and NR / 4
 * vectors of B. V8 loads all of a step before it multiplies and has 15 registers, so 4 x 8 it is: 8 sums, 4 splats, 2
 * vectors of B and one product.
 *
 * A is never copied. Its rows are cut into segments of consecutive numbers (for a convolution one segment a filter
 * tap, or one a filter row where no padding is touched), and a table says where each begins: an implicit GEMM by
 * indirection. An entry of -1 points at a row of zeros, which is all that padding costs.
 *
 * Rows past the end of the last tile read zeros, or a row that exists, and are stored to a place that nobody reads.
 */
import type { Activation } from '../kernel';
import { emitActivation } from './activate';
import { Assembler, type Expression, type FunctionBuilder, f32x4, i32, type Local, type V128, v128 } from './assembler';
import { type Code, type Job, type Planning, pieceFunction, singleFunction } from './job';

export interface Tile {
  rows: number;
  columns: number;
}

export interface GemmShape {
  /** Rows of A, all groups together. */
  rows: number;
  inner: number;
  columns: number;
  /** Where the rows of A are. Affine: row m at m * rowStride numbers. */
  source: RowSource;
  /** Where the rows of the output go, unless one after the other. Needs a table as source, and no residual. */
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
/** Steps of k for which the pointers stand still. */
export const UNROLL = 8;
/** Where the rows that do not exist are stored. */
const SPILL_BYTES = 256;
export const spillPlace = (planning: Planning): number =>
  planning.table('spill', () => new Int32Array(SPILL_BYTES / 4));
/** As many zeros as a segment has numbers. */
export const zeroSegment = (planning: Planning, length: number): number =>
  planning.table(`zeros ${length}`, () => new Int32Array(length));

const roundUp = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;

/** By the fewest rows computed in vain; the taller of two that are about equal. Of 3 x 8 and 4 x 8 a row costs the same. */
export const chooseTile = (rows: number, columns: number): Tile => {
  const fill = (limit: number): number => Math.min(limit, roundUp(columns, 4));
  if (rows <= 2) return { rows, columns: fill(16) };
  const waste = (tileRows: number): number => roundUp(rows, tileRows) / rows;
  return { rows: waste(4) > 1.03 * waste(3) ? 3 : 4, columns: fill(8) };
};

export const gemmJobs = (shape: GemmShape, operands: GemmOperands, planning: Planning): Job[] => {
  const { rows, inner, columns, source, target } = shape;
  const tile = chooseTile(rows, columns);
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
    table = planning.table(key, () => makeTable(source, target, tile.rows, tilesOfGroup));
    zeros = zeroSegment(planning, inner / source.segments);
  }
  jobs.push({
    code: gemmCode(shape, tile, {
      packed: packs,
      bias: operands.bias !== undefined,
      residual: operands.residual !== undefined,
      fused: planning.fused,
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

/** Offsets in the order in which tiles use them: [tile][segment][row of the tile], the target as a last segment. */
export const makeTable = (
  source: TableSource,
  target: TableTarget | undefined,
  tileRows: number,
  tiles: number,
): Int32Array => {
  const { segments, rowsOfGroup } = source;
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
  const segments = source.kind === 'table' ? source.segments : 1;
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
      const tileFunction = assembler.function();
      emitTile(tileFunction, shape, tile, options);
      emitPieces(run, tileFunction, shape, tile, options);
      return assembler.bytes();
    },
  };
};

/** Finds the tiles of a piece: panels change fastest, so that a block of A's rows stays in the cache. */
const emitPieces = (
  { f, first, end }: ReturnType<typeof pieceFunction>,
  tileFunction: FunctionBuilder,
  { inner, columns, source, target }: GemmShape,
  tile: Tile,
  { packed }: GemmOptions,
): void => {
  const parameter = (): Local<'i32'> => f.parameter('i32');
  const [left, right, bias, residual, output, table] = [1, 2, 3, 4, 5, 6].map(parameter);
  const [zeros, spill, rowsOfGroup, blocksOfGroup, tilesOfBlock, groupStride] = [1, 2, 3, 4, 5, 6].map(parameter);
  const targetGroupStride = parameter();
  const panels = Math.ceil(columns / tile.columns);
  const entries = (source.kind === 'table' ? source.segments : 0) + (target ? 1 : 0);
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
        i32.eq(panel, panels - 1),
      );
      f.advance(tileTable, entries * tile.rows * 4);
      if (!target) f.advance(offset, tile.rows * columns * 4);
    });
  });
};

const emitTile = (f: FunctionBuilder, shape: GemmShape, tile: Tile, options: GemmOptions): void => {
  const { inner, columns, source, activation } = shape;
  const { packed, fused } = options;
  const parameter = (): Local<'i32'> => f.parameter('i32');
  const [left, right, bias, residual, output] = [1, 2, 3, 4, 5].map(parameter);
  const [table, zeros, spill, rowsLeft, isLastPanel] = [1, 2, 3, 4, 5].map(parameter);
  const rows = [...Array(tile.rows).keys()];
  const vectors = [...Array(tile.columns / 4).keys()];

  const sums = rows.map(() =>
    vectors.map((v) => f.let<'v128'>(options.bias ? v128.load(bias, v * 16) : f32x4.const(0))),
  );
  const pointers = rows.map(() => f.local('i32'));
  const rightStride = (packed ? tile.columns : columns) * 4;

  const multiplyAdd = (steps: number, barrier: (k: number) => void): void => {
    for (let k = 0; k < steps; k++) {
      if (k > 0) barrier(k);
      const rightVectors = vectors.map((v) => f.let(v128.load(right, k * rightStride + v * 16)));
      for (const r of rows) {
        const splat = f.let(v128.loadSplat(pointers[r], k * 4));
        for (const v of vectors)
          f.set(
            sums[r][v],
            fused
              ? f32x4.relaxedMultiplyAdd(splat, rightVectors[v], sums[r][v])
              : f32x4.add(sums[r][v], f32x4.mul(splat, rightVectors[v])),
          );
      }
    }
  };
  /**
   * All of one segment: in steps of UNROLL, then what is left. V8 orders the instructions of a basic block as it
   * likes, and likes to do all loads of the unrolled steps first, which no longer fit in the registers (half the
   * speed). So every step ends its basic block, with a branch that is never taken: `right` is no such small address.
   * The conditions must differ, or V8 sees that the second is like the first.
   */
  const segment = (length: number): void => {
    const turns = Math.floor(length / UNROLL);
    f.block((leaveWhen) => {
      const barrier = (k: number): void => leaveWhen(i32.eq(right, k));
      f.repeat(turns, () => {
        multiplyAdd(UNROLL, barrier);
        for (const pointer of pointers) f.advance(pointer, UNROLL * 4);
        f.advance(right, UNROLL * rightStride);
      });
      if (length % UNROLL === 0) return;
      if (turns > 0) barrier(UNROLL);
      multiplyAdd(length % UNROLL, barrier);
      f.advance(right, (length % UNROLL) * rightStride);
    });
  };

  if (source.kind === 'affine') {
    for (const r of rows)
      f.set(
        pointers[r],
        r === 0 ? left : i32.select(i32.gtS(rowsLeft, r), i32.add(left, r * source.rowStride * 4), left),
      );
    segment(inner);
  } else {
    f.repeat(source.segments, () => {
      for (const r of rows) {
        const offset = f.let(i32.load(table, r * 4));
        f.set(pointers[r], i32.select(i32.eq(offset, -1), zeros, i32.add(left, offset)));
      }
      segment(inner / source.segments);
      f.advance(table, tile.rows * 4);
    });
  }

  const finish = (sum: V128, residualAddress: Expression<'i32'>, at: number): V128 =>
    emitActivation(f, options.residual ? f32x4.add(sum, v128.load(residualAddress, at)) : sum, activation);
  for (const r of rows) {
    const exists = i32.gtS(rowsLeft, r);
    const place = (start: Local<'i32'>): Local<'i32'> => {
      if (shape.target) return f.let(i32.select(exists, i32.add(start, i32.load(table, r * 4)), spill));
      return r === 0 ? start : f.let(i32.select(exists, i32.add(start, r * columns * 4), spill));
    };
    const target = place(output);
    const residualAddress = options.residual ? place(residual) : residual;
    const values = vectors.map((v) => f.let(finish(sums[r][v], residualAddress, v * 16)));
    const storeColumns = (count: number): void => {
      for (const v of vectors) {
        if (v * 4 + 4 <= count) f.store(target, values[v], v * 16);
        else for (let lane = 0; v * 4 + lane < count; lane++) f.storeLane(target, values[v], lane, v * 16 + lane * 4);
      }
    };
    const lastColumns = columns % tile.columns;
    if (lastColumns === 0) storeColumns(tile.columns);
    else
      f.when(
        isLastPanel,
        () => storeColumns(lastColumns),
        () => storeColumns(tile.columns),
      );
  }
};
