/**
 * The core of the gradients of filters and weights: output[m, n] = sum over k of A[k, m] * B[k, n], where k runs over
 * many positions and A is never made: a table says where its rows begin, as for the matrix product of gemm.ts.
 *
 * The positions are cut into blocks. A piece, some rows and columns of the output, copies its part of a block of A into
 * panels [position][MR], then one panel [position][NR] of B after the other, and adds the product of each two to the
 * output: every step of a tile reads consecutive numbers, and the copies are still in the cache. The order of the sum is the same however many threads there are.
 */
import { Assembler, type FunctionBuilder, f32x4, i32, type Local, v128 } from './assembler';
import { chooseTile, makeTable, type RowSource, spillPlace, type Tile, UNROLL, zeroSegment } from './gemm';
import { type Code, type Job, type Planning, pieceFunction } from './job';

export interface TransposedProduct {
  /** Rows of A and B. */
  positions: number;
  /** Rows of the output: columns of A. */
  rows: number;
  columns: number;
  source: RowSource;
  /** Addresses. */
  left: number;
  right: number;
  output: number;
}

/** Positions of a block: a panel of B, 12 KB, stays in the first cache while the panels of A pass. */
const MOST_POSITIONS = 384;
/** Rows of a piece: their panels and the panels of B fit the second cache. */
const MOST_ROWS = 64;
const LEAST_ROWS = 16;
/** Fewer panels than this do not pay for copying A. */
const LEAST_PANELS = 4;
/** Enough to share out evenly. */
const FEWEST_PIECES = 32;
/** Between panels of A, so that they do not all begin at the same place of a cache's pages, and for vectors that hang over. */
const GAP_BYTES = 64;

export const transposedProductJobs = (product: TransposedProduct, planning: Planning): Job[] => {
  const { positions, rows, columns, source, left, right, output } = product;
  const segments = source.kind === 'table' ? source.segments : 1;
  const segmentLength = rows / segments;
  const tile = chooseTile(segmentLength, columns);
  const panels = Math.ceil(columns / tile.columns);

  const positionsOfGroup = source.kind === 'table' ? source.rowsOfGroup : positions;
  const groups = positions / positionsOfGroup;
  const block = Math.ceil(positionsOfGroup / Math.ceil(positionsOfGroup / MOST_POSITIONS));
  const { rowsOfPiece, panelsOfPiece } = choosePieces(segments, segmentLength, panels);
  const rowBlocks = Math.ceil(segmentLength / rowsOfPiece);
  const panelBlocks = Math.ceil(panels / panelsOfPiece);
  const pieces = segments * rowBlocks * panelBlocks;
  const panelBytes = block * tile.rows * 4 + GAP_BYTES;
  const scratchOfPiece = Math.ceil(rowsOfPiece / tile.rows) * panelBytes + block * tile.columns * 4;

  const table =
    source.kind === 'table'
      ? planning.table(`${source.key} by 1`, () => makeTable(source, undefined, 1, source.rowsOfGroup))
      : 0;
  return [
    {
      code: productCode(product, tile, planning.fused),
      arguments: [
        ...[left, right, output, table, zeroSegment(planning, segmentLength), spillPlace(planning)],
        ...[planning.scratch(pieces * scratchOfPiece), scratchOfPiece, panelBytes],
        ...[positionsOfGroup, groups, source.kind === 'table' ? source.groupStride : 0, block],
        ...[rowsOfPiece, rowBlocks, panelsOfPiece, panelBlocks],
      ],
      pieces,
      work: positions * rows * columns,
    },
  ];
};

/** Large pieces copy A seldom, small ones can be shared out: halve them until there are enough. */
const choosePieces = (
  segments: number,
  segmentLength: number,
  panels: number,
): { rowsOfPiece: number; panelsOfPiece: number } => {
  const equal = (total: number, most: number, multiple: number): number => {
    const part = Math.ceil(total / Math.ceil(total / most));
    return Math.ceil(part / multiple) * multiple;
  };
  // A multiple of 12 rows suits tiles of 3 and of 4.
  let rowsOfPiece = equal(segmentLength, MOST_ROWS, segmentLength > LEAST_ROWS ? 12 : 1);
  let panelsOfPiece = panels;
  const count = (): number => segments * Math.ceil(segmentLength / rowsOfPiece) * Math.ceil(panels / panelsOfPiece);
  while (count() < FEWEST_PIECES) {
    if (panelsOfPiece > LEAST_PANELS) panelsOfPiece = Math.ceil(panelsOfPiece / 2);
    else if (rowsOfPiece >= 2 * LEAST_ROWS) rowsOfPiece = equal(rowsOfPiece, rowsOfPiece / 2, 12);
    else break;
  }
  return { rowsOfPiece, panelsOfPiece };
};

const productCode = ({ rows, columns, source }: TransposedProduct, tile: Tile, fused: boolean): Code => {
  const layout =
    source.kind === 'table'
      ? { segments: source.segments, rowStride: 0, segmentLength: rows / source.segments }
      : { segments: 1, rowStride: source.rowStride, segmentLength: rows };
  const { segments, rowStride, segmentLength } = layout;
  return {
    key: ['transposed product', tile.rows, tile.columns, segments, segmentLength, columns, rowStride, fused].join(' '),
    emit(limits) {
      const assembler = new Assembler(limits);
      const run = pieceFunction(assembler);
      const copyLeft = assembler.function();
      const copyRight = assembler.function();
      const multiply = assembler.function();
      emitCopyLeft(copyLeft, layout, tile);
      emitCopyRight(copyRight, columns, tile);
      emitTile(multiply, columns, tile, fused);
      emitPieces(run, { copyLeft, copyRight, multiply }, layout, columns, tile);
      return assembler.bytes();
    },
  };
};

interface Layout {
  segments: number;
  segmentLength: number;
  /** Numbers from row to row of A where there is no table, else 0. */
  rowStride: number;
}

const emitPieces = (
  { f, first, end }: ReturnType<typeof pieceFunction>,
  { copyLeft, copyRight, multiply }: Record<'copyLeft' | 'copyRight' | 'multiply', FunctionBuilder>,
  { segments, segmentLength, rowStride }: Layout,
  columns: number,
  tile: Tile,
): void => {
  const parameter = (): Local<'i32'> => f.parameter('i32');
  const [left, right, output, table, zeros, spill] = [1, 2, 3, 4, 5, 6].map(parameter);
  const [scratch, scratchOfPiece, panelBytes] = [1, 2, 3].map(parameter);
  const [positionsOfGroup, groups, groupStride, block] = [1, 2, 3, 4].map(parameter);
  const [rowsOfPiece, rowBlocks, panelsOfPiece, panelBlocks] = [1, 2, 3, 4].map(parameter);
  const panels = Math.ceil(columns / tile.columns);

  f.forRange(first, end, 1, (piece) => {
    const firstPanel = f.let(i32.mul(i32.remU(piece, panelBlocks), panelsOfPiece));
    const endPanel = f.let(i32.add(firstPanel, panelsOfPiece));
    f.set(endPanel, i32.min(endPanel, panels));
    const rowBlock = f.let(i32.divU(piece, panelBlocks));
    const segment = f.let(i32.divU(rowBlock, rowBlocks));
    const firstRow = f.let(i32.mul(i32.remU(rowBlock, rowBlocks), rowsOfPiece));
    const rows = f.let(i32.sub(segmentLength, firstRow));
    f.set(rows, i32.min(rows, rowsOfPiece));
    const rightPanel = f.let(i32.add(scratch, i32.mul(piece, scratchOfPiece)));
    const leftPanels = f.let(i32.add(rightPanel, i32.mul(block, tile.columns * 4)));
    const outputRow = i32.add(i32.mul(segment, segmentLength), firstRow);
    const pieceOutput = f.let(i32.add(output, i32.mul(outputRow, columns * 4)));
    const groupLeft = f.let(i32.add(left, i32.shl(firstRow, 2)));
    const isFirst = f.let(i32.const(1));
    const blockRight = f.let(right);

    f.forRange(0, groups, 1, () => {
      const rowTable = f.let(i32.add(table, i32.shl(segment, 2)));
      const blockLeft = f.let(groupLeft);
      const positionsLeft = f.let(positionsOfGroup);
      f.doWhile(
        () => {
          const count = f.let(i32.min(positionsLeft, block));
          f.call(copyLeft, blockLeft, rowTable, zeros, leftPanels, panelBytes, count, rows);
          f.forRange(firstPanel, endPanel, 1, (panel) => {
            const columnBytes = f.let(i32.mul(panel, tile.columns * 4));
            f.call(copyRight, i32.add(blockRight, columnBytes), rightPanel, count);
            const leftPanel = f.let(leftPanels);
            const target = f.let(i32.add(pieceOutput, columnBytes));
            f.forRange(0, rows, tile.rows, (row) => {
              const rowsLeft = i32.sub(rows, row);
              const isLastPanel = i32.eq(panel, panels - 1);
              f.call(multiply, leftPanel, rightPanel, target, count, rowsLeft, isLastPanel, isFirst, spill);
              f.advance(leftPanel, panelBytes);
              f.advance(target, tile.rows * columns * 4);
            });
          });
          f.set(isFirst, i32.const(0));
          f.advance(blockRight, i32.mul(count, columns * 4));
          if (rowStride > 0) f.advance(blockLeft, i32.mul(count, rowStride * 4));
          else f.advance(rowTable, i32.mul(count, segments * 4));
          f.set(positionsLeft, i32.sub(positionsLeft, count));
        },
        () => positionsLeft,
      );
      f.advance(groupLeft, groupStride);
    });
  });
};

/** Copies some numbers of each row of a block into panels [position][MR]. */
const emitCopyLeft = (f: FunctionBuilder, { segments, rowStride }: Layout, tile: Tile): void => {
  const parameter = (): Local<'i32'> => f.parameter('i32');
  const [left, table, zeros, copied, panelBytes, count, rows] = [1, 2, 3, 4, 5, 6, 7].map(parameter);
  f.forRange(0, count, 1, () => {
    const source = f.local('i32');
    if (rowStride > 0) {
      f.set(source, left);
      f.advance(left, rowStride * 4);
    } else {
      const offset = f.let(i32.load(table));
      f.set(source, i32.select(i32.eq(offset, -1), zeros, i32.add(left, offset)));
      f.advance(table, segments * 4);
    }
    const target = f.let(copied);
    // What hangs over MR numbers belongs to the next position, which overwrites it, or to rows that do not exist.
    f.forRange(0, rows, tile.rows, () => {
      f.store(target, v128.load(source));
      f.advance(source, tile.rows * 4);
      f.advance(target, panelBytes);
    });
    f.advance(copied, tile.rows * 4);
  });
};

/** Copies a panel's columns of each row; those past the last one are the next row's, and stored nowhere in the end. */
const emitCopyRight = (f: FunctionBuilder, columns: number, tile: Tile): void => {
  const [source, target, count] = [1, 2, 3].map(() => f.parameter('i32'));
  f.forRange(0, count, 1, () => {
    for (let at = 0; at < tile.columns * 4; at += 16) f.store(target, v128.load(source, at), at);
    f.advance(source, columns * 4);
    f.advance(target, tile.columns * 4);
  });
};

const emitTile = (f: FunctionBuilder, columns: number, tile: Tile, fused: boolean): void => {
  const parameter = (): Local<'i32'> => f.parameter('i32');
  const [left, right, output, count, rowsLeft, isLastPanel, isFirst, spill] = [1, 2, 3, 4, 5, 6, 7, 8].map(parameter);
  const rows = [...Array(tile.rows).keys()];
  const vectors = [...Array(tile.columns / 4).keys()];
  const sums = rows.map(() => vectors.map(() => f.let<'v128'>(f32x4.const(0))));

  const multiplyAdd = (k: number): void => {
    const rightVectors = vectors.map((v) => f.let(v128.load(right, k * tile.columns * 4 + v * 16)));
    for (const r of rows) {
      const splat = f.let(v128.loadSplat(left, (k * tile.rows + r) * 4));
      for (const v of vectors)
        f.set(
          sums[r][v],
          fused
            ? f32x4.relaxedMultiplyAdd(splat, rightVectors[v], sums[r][v])
            : f32x4.add(sums[r][v], f32x4.mul(splat, rightVectors[v])),
        );
    }
  };
  const advance = (steps: number): void => {
    f.advance(left, steps * tile.rows * 4);
    f.advance(right, steps * tile.columns * 4);
    f.set(count, i32.sub(count, steps));
  };
  f.block((leaveWhen) => {
    f.when(i32.geS(count, UNROLL), () =>
      f.doWhile(
        () => {
          for (let k = 0; k < UNROLL; k++) {
            // A branch that is never taken ends the basic block: see segment() in gemm.ts.
            if (k > 0) leaveWhen(i32.eq(right, k));
            multiplyAdd(k);
          }
          advance(UNROLL);
        },
        () => i32.geS(count, UNROLL),
      ),
    );
  });
  f.when(count, () =>
    f.doWhile(
      () => {
        multiplyAdd(0);
        advance(1);
      },
      () => count,
    ),
  );

  for (const r of rows) {
    const target = r === 0 ? output : f.let(i32.select(i32.gtS(rowsLeft, r), i32.add(output, r * columns * 4), spill));
    f.when(
      isFirst,
      () => undefined,
      () => {
        for (const v of vectors) f.set(sums[r][v], f32x4.add(sums[r][v], v128.load(target, v * 16)));
      },
    );
    const storeColumns = (wanted: number): void => {
      for (const v of vectors)
        if (v * 4 + 4 <= wanted) f.store(target, sums[r][v], v * 16);
        else for (let lane = 0; v * 4 + lane < wanted; lane++) f.storeLane(target, sums[r][v], lane, v * 16 + lane * 4);
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
