/**
 * The innermost part of every product: a tile of MR rows by NR columns is kept in registers while k runs, for each k
 * one splatted number a row and NR / 4 vectors of B. Each of its numbers is one sum over k, in order, whatever the
 * size of the tile: tiles may be chosen by speed without changing a bit.
 */
import type { Activation } from '../kernel';
import { emitActivation } from './activate';
import {
  type Expression,
  type FunctionBuilder,
  f32x4,
  i32,
  type Local,
  plusProduct,
  type V128,
  v128,
} from './assembler';
import type { RowSource } from './gemm';
import type { Machine } from './machine';

export interface Tile {
  rows: number;
  columns: number;
}

/** Steps of k for which the pointers stand still. */
export const UNROLL = 8;

const roundUp = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;

/** By the time that all rows take, those computed in vain included. */
export const chooseTile = ({ tiles, lowTiles }: Machine, rows: number, columns: number): Tile => {
  const low = lowTiles.find((tile) => tile.rows >= rows);
  const time = (tile: RatedTile): number => roundUp(rows, tile.rows) / tile.rate;
  const best = low ?? tiles.reduce((left, right) => (time(right) < time(left) ? right : left));
  return { rows: Math.min(best.rows, rows), columns: Math.min(best.columns, roundUp(columns, 4)) };
};

export interface RatedTile extends Tile {
  /** Speed per row computed, of the best tile 1. */
  rate: number;
}

export interface TileShape extends Tile {
  /** Columns need not fill their last vector. */
  columns: number;
  inner: number;
  /** Numbers from one row of B to the next, and from one row of the output. */
  rightStride: number;
  outputStride: number;
  source: RowSource;
  /** The table says where rows of the output go, too. */
  scattered: boolean;
  bias: boolean;
  residual: boolean;
  fused: boolean;
  activation: Activation;
}

/** One k of a tile: each row's number, splatted, times each vector of B, added to their sum. */
export const emitOuterProduct = (
  f: FunctionBuilder,
  sums: readonly (readonly Local<'v128'>[])[],
  fused: boolean,
  load: { left(row: number): V128; right(vector: number): V128 },
): void => {
  const rightVectors = sums[0].map((_, v) => f.let(load.right(v)));
  for (const [r, row] of sums.entries()) {
    const splat = f.let(load.left(r));
    for (const [v, sum] of row.entries()) f.set(sum, plusProduct(sum, splat, rightVectors[v], fused));
  }
};

export const emitTile = (f: FunctionBuilder, shape: TileShape): void => {
  const { rows: rowCount, columns, inner, rightStride: rightNumbers, source, fused, activation } = shape;
  const parameter = (): Local<'i32'> => f.parameter('i32');
  const [left, right, bias, residual, output] = [1, 2, 3, 4, 5].map(parameter);
  const [table, zeros, spill, rowsLeft] = [1, 2, 3, 4].map(parameter);
  const rows = [...Array(rowCount).keys()];
  const vectors = [...Array(Math.ceil(columns / 4)).keys()];

  const sums = rows.map(() => vectors.map((v) => f.let<'v128'>(shape.bias ? v128.load(bias, v * 16) : f32x4.const(0))));
  const pointers = rows.map(() => f.local('i32'));
  const rightStride = rightNumbers * 4;

  const multiplyAdd = (steps: number, barrier: (k: number) => void): void => {
    for (let k = 0; k < steps; k++) {
      if (k > 0) barrier(k);
      emitOuterProduct(f, sums, fused, {
        left: (r) => v128.loadSplat(pointers[r], k * 4),
        right: (v) => v128.load(right, k * rightStride + v * 16),
      });
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
  } else if (source.segmentStride !== undefined) {
    // Rows that do not exist have -1 in the table: they read what is at the beginning of A, and are stored nowhere.
    for (const r of rows) f.set(pointers[r], i32.add(left, i32.max(f.let(i32.load(table, r * 4)), 0)));
    const length = inner / source.segments;
    // Within a segment pointers move by whole turns only.
    const rest = source.segmentStride - Math.floor(length / UNROLL) * UNROLL * 4;
    f.repeat(source.segments, () => {
      segment(length);
      for (const pointer of pointers) f.advance(pointer, rest);
    });
    f.advance(table, rowCount * 4);
  } else {
    f.repeat(source.segments, () => {
      for (const r of rows) {
        const offset = f.let(i32.load(table, r * 4));
        f.set(pointers[r], i32.select(i32.eq(offset, -1), zeros, i32.add(left, offset)));
      }
      segment(inner / source.segments);
      f.advance(table, rowCount * 4);
    });
  }

  const finish = (sum: V128, residualAddress: Expression<'i32'>, at: number): V128 =>
    emitActivation(f, shape.residual ? f32x4.add(sum, v128.load(residualAddress, at)) : sum, activation);
  for (const r of rows) {
    const exists = i32.gtS(rowsLeft, r);
    const place = (start: Local<'i32'>): Local<'i32'> => {
      if (shape.scattered) return f.let(i32.select(exists, i32.add(start, i32.load(table, r * 4)), spill));
      return r === 0 ? start : f.let(i32.select(exists, i32.add(start, r * shape.outputStride * 4), spill));
    };
    const target = place(output);
    const residualAddress = shape.residual ? place(residual) : residual;
    const values = vectors.map((v) => f.let(finish(sums[r][v], residualAddress, v * 16)));
    for (const v of vectors) {
      if (v * 4 + 4 <= columns) f.store(target, values[v], v * 16);
      else for (let lane = 0; v * 4 + lane < columns; lane++) f.storeLane(target, values[v], lane, v * 16 + lane * 4);
    }
  }
};
