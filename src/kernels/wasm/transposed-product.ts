/**
 * The core of the gradients of filters and weights: output[m, n] = sum over k of A[k, m] * B[k, n], where k runs over
 * many positions and A is never made: a table says where its rows begin, as for the matrix product of gemm.ts.
 *
 * The positions are cut into blocks. A block of A is copied into panels [position][MR], one of B into panels
 * [position][NR], and the product of each two is added to the output: every step of a tile reads consecutive numbers,
 * and the copies are still in the cache. Where the output is small there are too few parts of it to share out; then the
 * positions are cut into chunks with sums of their own, which are added in the end. Which chunks these are depends on
 * the shape alone, so the order of the sum is the same however many threads there are.
 */
import {
  Assembler,
  type Expression,
  type FunctionBuilder,
  f32x4,
  type I32,
  i32,
  type Local,
  type V128,
  v128,
} from './assembler';
import { elementwiseJob } from './elementwise';
import { makeTable, type RowSource, spillPlace, zeroSegment } from './gemm';
import { type Code, type Job, type Planning, pieceFunction } from './job';
import { chooseTile, emitOuterProduct, type Tile, UNROLL } from './tile';

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

/** Positions of a block: a panel of each operand, up to 6 and 16 KB, fit the first cache. */
const MOST_POSITIONS = 256;
/** Rows and columns of a piece: the panels of a block fit the second cache. */
const MOST_ROWS = 64;
const MOST_COLUMNS = 128;
/** And so does the part of the output to which a piece adds again and again. */
const MOST_OUTPUT_BYTES = 192 << 10;
/** Enough to share out evenly. */
const FEWEST_PIECES = 32;
/** The sums of so many chunks are added by one job: it has a limited number of arguments. */
const MOST_CHUNKS = 16;
/** Between panels of A, so that they do not all begin at the same place of a cache's pages, and for vectors that hang over. */
const GAP_BYTES = 64;

export const transposedProductJobs = (product: TransposedProduct, planning: Planning): Job[] => {
  const { positions, rows, columns, source, left, right, output } = product;
  const layout = layoutOf(product);
  const tile = chooseTile(planning.machine, layout.segmentLength, columns);
  const parts = chooseParts(layout, columns, tile);

  const positionsOfGroup = source.kind === 'table' ? source.rowsOfGroup : positions;
  const blocksOfGroup = Math.ceil(positionsOfGroup / MOST_POSITIONS);
  const block = Math.ceil(positionsOfGroup / blocksOfGroup);
  const blocks = blocksOfGroup * (positions / positionsOfGroup);
  // By parts of a fixed tile: the order of the sum must not change with the tile that is quickest here.
  const nominalParts = chooseParts(layout, columns, { rows: 4, columns: 8 }).count;
  const wantedChunks = Math.min(MOST_CHUNKS, blocks, Math.ceil(FEWEST_PIECES / nominalParts));
  const blocksOfChunk = Math.ceil(blocks / wantedChunks);
  const chunks = Math.ceil(blocks / blocksOfChunk);
  const pieces = chunks * parts.count;

  const leftPanelBytes = block * tile.rows * 4 + GAP_BYTES;
  const rightPanelBytes = block * tile.columns * 4;
  const leftBytes = Math.ceil(parts.rows / tile.rows) * leftPanelBytes;
  const scratchOfPiece = leftBytes + parts.panels * rightPanelBytes;
  const length = rows * columns;
  const sums = chunks > 1 ? planning.scratch(chunks * length * 4) : output;
  const jobs: Job[] = [
    {
      code: productCode(product, tile, parts, planning.machine.fused),
      arguments: [
        ...[left, right, sums],
        source.kind === 'table'
          ? planning.table(`${source.key} by 1`, () => makeTable(source, undefined, 1, source.rowsOfGroup))
          : 0,
        ...[zeroSegment(planning, layout.segmentLength), spillPlace(planning)],
        ...[planning.scratch(pieces * scratchOfPiece), scratchOfPiece, leftPanelBytes, rightPanelBytes],
        ...[positionsOfGroup, source.kind === 'table' ? source.groupStride : 0],
        ...[block, blocksOfGroup, blocks, blocksOfChunk],
      ],
      pieces,
      work: positions * rows * columns,
    },
  ];
  if (chunks > 1)
    jobs.push(
      elementwiseJob({
        key: `sum of ${chunks}`,
        length,
        output,
        streams: [...Array(chunks).keys()].map((chunk) => sums + chunk * length * 4),
        compute: (_, { streams: [first, ...others] }) => others.reduce(f32x4.add, first),
      }),
    );
  return jobs;
};

interface Layout {
  segments: number;
  segmentLength: number;
  /** Numbers from row to row of A where there is no table, else 0. */
  rowStride: number;
}

const layoutOf = ({ rows, source }: TransposedProduct): Layout =>
  source.kind === 'table'
    ? { segments: source.segments, segmentLength: rows / source.segments, rowStride: 0 }
    : { segments: 1, segmentLength: rows, rowStride: source.rowStride };

/** The output is cut into parts of some segments, rows of each segment, and panels of columns. */
interface Parts {
  segments: number;
  rows: number;
  panels: number;
  segmentParts: number;
  rowParts: number;
  panelParts: number;
  count: number;
}

const chooseParts = ({ segments, segmentLength }: Layout, columns: number, tile: Tile): Parts => {
  const equal = (total: number, most: number): number => Math.ceil(total / Math.ceil(total / most));
  const tiles = Math.ceil(segmentLength / tile.rows);
  const rows = equal(tiles, Math.floor(MOST_ROWS / tile.rows)) * tile.rows;
  const allPanels = Math.ceil(columns / tile.columns);
  const panels = equal(allPanels, MOST_COLUMNS / tile.columns);
  const segmentBytes = rows * panels * tile.columns * 4;
  const segmentsOfPart = equal(segments, Math.max(1, Math.floor(MOST_OUTPUT_BYTES / segmentBytes)));
  const segmentParts = Math.ceil(segments / segmentsOfPart);
  const rowParts = Math.ceil(segmentLength / rows);
  const panelParts = Math.ceil(allPanels / panels);
  const count = segmentParts * rowParts * panelParts;
  return { segments: segmentsOfPart, rows, panels, segmentParts, rowParts, panelParts, count };
};

const productCode = (product: TransposedProduct, tile: Tile, parts: Parts, fused: boolean): Code => {
  const { columns } = product;
  const layout = layoutOf(product);
  return {
    key: ['transposed product', tile.rows, tile.columns, columns, ...Object.values(layout), fused].join(' '),
    emit(limits) {
      const assembler = new Assembler(limits);
      const run = pieceFunction(assembler);
      const copyLeft = assembler.function();
      const copyRight = assembler.function();
      const multiply = assembler.function();
      const rest = columns % tile.columns;
      const multiplyLast = rest > 0 ? assembler.function() : multiply;
      emitCopyLeft(copyLeft, layout, tile);
      emitCopyRight(copyRight, columns, tile);
      emitTile(multiply, columns, tile, tile.columns, fused);
      if (rest > 0) emitTile(multiplyLast, columns, tile, rest, fused);
      emitPieces(run, { copyLeft, copyRight, multiply, multiplyLast }, layout, parts, columns, tile);
      return assembler.bytes();
    },
  };
};

const emitPieces = (
  { f, first, end }: ReturnType<typeof pieceFunction>,
  {
    copyLeft,
    copyRight,
    multiply,
    multiplyLast,
  }: Record<'copyLeft' | 'copyRight' | 'multiply' | 'multiplyLast', FunctionBuilder>,
  { segments, segmentLength, rowStride }: Layout,
  parts: Parts,
  columns: number,
  tile: Tile,
): void => {
  const parameter = (): Local<'i32'> => f.parameter('i32');
  const [left, right, output, table, zeros, spill] = [1, 2, 3, 4, 5, 6].map(parameter);
  const [scratch, scratchOfPiece, leftPanelBytes, rightPanelBytes] = [1, 2, 3, 4].map(parameter);
  const [positionsOfGroup, groupStride, block, blocksOfGroup, blocks, blocksOfChunk] = [1, 2, 3, 4, 5, 6].map(
    parameter,
  );
  const panels = Math.ceil(columns / tile.columns);
  /** [from, to) of the part, the last of which may be smaller. */
  const rangeOf = (part: Expression<'i32'>, size: I32, limit: I32): { from: Local<'i32'>; to: Local<'i32'> } => {
    const from = f.let(i32.mul(part, size));
    const to = f.let(i32.add(from, size));
    f.set(to, i32.min(to, limit));
    return { from, to };
  };

  f.forRange(first, end, 1, (piece) => {
    const part = f.let(i32.remU(piece, parts.count));
    const chunk = f.let(i32.divU(piece, parts.count));
    const panelRange = rangeOf(i32.remU(part, parts.panelParts), parts.panels, panels);
    const rowPart = f.let(i32.divU(part, parts.panelParts));
    const rowRange = rangeOf(i32.remU(rowPart, parts.rowParts), parts.rows, segmentLength);
    const segmentRange = rangeOf(i32.divU(rowPart, parts.rowParts), parts.segments, segments);
    const blockRange = rangeOf(chunk, blocksOfChunk, blocks);
    const rightPanels = f.let(i32.add(scratch, i32.mul(piece, scratchOfPiece)));
    const leftPanels = f.let(i32.add(rightPanels, i32.mul(rightPanelBytes, parts.panels)));
    const chunkOutput = f.let(i32.add(output, i32.mul(chunk, segments * segmentLength * columns * 4)));
    const rows = f.let(i32.sub(rowRange.to, rowRange.from));

    f.forRange(blockRange.from, blockRange.to, 1, (index) => {
      const isFirst = f.let(i32.eq(index, blockRange.from));
      const group = f.let(i32.divU(index, blocksOfGroup));
      const position = f.let(i32.mul(i32.remU(index, blocksOfGroup), block));
      const count = f.let(i32.sub(positionsOfGroup, position));
      f.set(count, i32.min(count, block));

      const rightRow = i32.add(i32.mul(group, positionsOfGroup), position);
      const source = f.let(i32.add(right, i32.mul(rightRow, columns * 4)));
      f.advance(source, i32.mul(panelRange.from, tile.columns * 4));
      const rightPanel = f.let(rightPanels);
      f.forRange(panelRange.from, panelRange.to, 1, () => {
        f.call(copyRight, source, rightPanel, count);
        f.advance(source, tile.columns * 4);
        f.advance(rightPanel, rightPanelBytes);
      });

      const blockLeft = f.let(i32.add(i32.add(left, i32.mul(group, groupStride)), i32.shl(rowRange.from, 2)));
      if (rowStride > 0) f.advance(blockLeft, i32.mul(position, rowStride * 4));
      f.forRange(segmentRange.from, segmentRange.to, 1, (segment) => {
        const entry = i32.add(i32.mul(position, segments), segment);
        f.call(copyLeft, blockLeft, i32.add(table, i32.shl(entry, 2)), zeros, leftPanels, leftPanelBytes, count, rows);
        const firstRow = i32.add(i32.mul(segment, segmentLength), rowRange.from);
        const partOutput = f.let(i32.add(chunkOutput, i32.mul(firstRow, columns * 4)));
        f.set(rightPanel, rightPanels);
        f.forRange(panelRange.from, panelRange.to, 1, (panel) => {
          const leftPanel = f.let(leftPanels);
          const target = f.let(i32.add(partOutput, i32.mul(panel, tile.columns * 4)));
          const tilesWith = (tileFunction: FunctionBuilder): void =>
            f.forRange(0, rows, tile.rows, (row) => {
              f.call(tileFunction, leftPanel, rightPanel, target, count, i32.sub(rows, row), isFirst, spill);
              f.advance(leftPanel, leftPanelBytes);
              f.advance(target, tile.rows * columns * 4);
            });
          if (multiplyLast === multiply) tilesWith(multiply);
          else
            f.when(
              i32.eq(panel, panels - 1),
              () => tilesWith(multiplyLast),
              () => tilesWith(multiply),
            );
          f.advance(rightPanel, rightPanelBytes);
        });
      });
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
      for (let at = 0; at < tile.rows * 4; at += 16) f.store(target, v128.load(source, at), at);
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

/** `width`: the columns that are stored, all of the tile's but in the last panel. */
const emitTile = (f: FunctionBuilder, columns: number, tile: Tile, width: number, fused: boolean): void => {
  const parameter = (): Local<'i32'> => f.parameter('i32');
  const [left, right, output, count, rowsLeft, isFirst, spill] = [1, 2, 3, 4, 5, 6, 7].map(parameter);
  const rows = [...Array(tile.rows).keys()];
  const vectors = [...Array(Math.ceil(width / 4)).keys()];
  const sums = rows.map(() => vectors.map(() => f.let<'v128'>(f32x4.const(0))));

  const multiplyAdd = (k: number): void =>
    emitOuterProduct(f, sums, fused, {
      left: (r) => v128.loadSplat(left, (k * tile.rows + r) * 4),
      right: (v) => v128.load(right, k * tile.columns * 4 + v * 16),
    });
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
            // A branch that is never taken ends the basic block: see segment() in tile.ts.
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
    const store = (values: readonly V128[]): void => {
      for (const v of vectors)
        if (v * 4 + 4 <= width) f.store(target, values[v], v * 16);
        else for (let lane = 0; v * 4 + lane < width; lane++) f.storeLane(target, values[v], lane, v * 16 + lane * 4);
    };
    f.when(
      isFirst,
      () => store(sums[r]),
      () => store(vectors.map((v) => f.let(f32x4.add(sums[r][v], v128.load(target, v * 16))))),
    );
  }
};
