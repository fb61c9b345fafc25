/**
 * A 3 x 3 convolution of stride 1 with constant filters by Winograd's minimal filtering (winograd-transforms.ts): the
 * image falls into tiles, each of side x side numbers becomes as many others, and these are multiplied, place by
 * place, by transformed filters: side x side matrix products [tiles, inChannels] x [inChannels, outChannels].
 *
 * A piece takes a block of tiles through all of it: what lies between the steps stays in the second cache, in memory
 * that the thread keeps for that. Where there are too few blocks to share them out among threads, each step is a job of
 * its own: tiles are shared out for the transforms, places for the products, so that each filter is read once.
 */
import type { Conv2dSizes, KernelCall } from '../kernel';
import { LINEAR } from '../kernel';
import { Assembler, type FunctionBuilder, type I32, i32, type Local } from './assembler';
import { spillPlace, zeroSegment } from './gemm';
import { type Code, type Job, type Planning, pieceFunction } from './job';
import { chooseTile, emitTile, type Tile } from './tile';
import { packFilterJob } from './winograd-filter';
import { emitInputTile, emitOutputTile, placeBytes, type TileSizes, tileBytes } from './winograd-tiles';
import { FOUR, factorTable, type Scheme, SIX, TWO } from './winograd-transforms';

/** Vectors come in pairs. */
const CHANNEL_MULTIPLE = 8;
/** Bytes of a block between the steps: most of a second cache. */
const BLOCK_BYTES = 600 << 10;
/** Tiles over which reading the filters is spread, where there are so many. */
const FEWEST_TILES = 32;
const MOST_TILES = 48;
/** Blocks or, where they are fewer, other pieces a thread. */
const FEWEST_BLOCKS = 3;
const PIECES = 4;
/** A thread's place for the pointers of one tile. */
const POINTER_BYTES = 256;
/** What the transforms and a filter's way from memory cost, in multiplications. */
const INPUT_COST = 130;
const OUTPUT_COST = 130;
const FILTER_COST = 4;
/** The same where a job has to say whether it is worth sharing: with what it takes to fetch the numbers. */
const TRANSFORM_WORK = 1000;
/** What must be saved to be worth the loss of digits. */
const MOST_SHARE = 0.85;

const SCHEMES = [TWO, FOUR, SIX];

const tilesOf = ({ batch, outHeight, outWidth }: Conv2dSizes, { results }: Scheme): number =>
  batch * Math.ceil(outHeight / results) * Math.ceil(outWidth / results);

/** The scheme that takes the least time, if any is quicker than the plain sum. */
export const chooseScheme = (sizes: Conv2dSizes): Scheme | undefined => {
  const { batch, outHeight, outWidth, inChannels, outChannels, filterHeight, filterWidth, strideY, strideX } = sizes;
  if (filterHeight !== 3 || filterWidth !== 3 || strideY !== 1 || strideX !== 1) return undefined;
  if (inChannels % CHANNEL_MULTIPLE !== 0 || outChannels % CHANNEL_MULTIPLE !== 0) return undefined;
  const filters = inChannels * outChannels;
  const plain = batch * outHeight * outWidth * 9 * filters + 9 * filters * FILTER_COST;
  const cost = (scheme: Scheme): number => {
    const places = scheme.side ** 2;
    const transforms = (places / 36) * (inChannels * INPUT_COST + outChannels * OUTPUT_COST);
    return tilesOf(sizes, scheme) * (places * filters + transforms) + places * filters * FILTER_COST;
  };
  const best = SCHEMES.reduce((one, other) => (cost(other) < cost(one) ? other : one));
  return cost(best) < MOST_SHARE * plain ? best : undefined;
};

interface Layout {
  tile: Tile;
  /** Tiles of a block. */
  tiles: number;
  blocks: number;
}

const layoutOf = (sizes: Conv2dSizes, scheme: Scheme, { threads, machine }: Planning): Layout => {
  const { inChannels, outChannels } = sizes;
  const total = tilesOf(sizes, scheme);
  const bytesOfTile = scheme.side ** 2 * 4 * (inChannels + outChannels);
  const most = Math.min(MOST_TILES, Math.max(FEWEST_TILES, Math.floor(BLOCK_BYTES / bytesOfTile)));
  // Blocks of equal size, so that the last one is not a sliver.
  let blocks = Math.ceil(total / most);
  if (threads > 1 && blocks < threads * FEWEST_BLOCKS) blocks = 1;
  const tile = chooseTile(machine, Math.ceil(total / blocks), outChannels);
  const tiles = Math.ceil(total / blocks / tile.rows) * tile.rows;
  return { tile, tiles, blocks: Math.ceil(total / tiles) };
};

/** What a job does of the work. */
type Part = 'all' | 'input' | 'products' | 'output';

export const winograd = (
  { inputs, outputs, attributes }: KernelCall<'conv2d'>,
  scheme: Scheme,
  planning: Planning,
): Job[] => {
  const { address, threads } = planning;
  const { inChannels, outChannels } = attributes;
  const layout = layoutOf(attributes, scheme, planning);
  const { tile, tiles, blocks } = layout;
  const places = scheme.side ** 2;
  const panels = Math.ceil(outChannels / tile.columns);
  const filters = planning.scratch(places * panels * tile.columns * inChannels * 4);
  const scratchBytes =
    tiles * (tileBytes(scheme, inChannels) + tileBytes(scheme, outChannels)) + threads * POINTER_BYTES;
  const total = tilesOf(attributes, scheme);
  const isShared = threads > 1 && blocks === 1;
  const tilesOfPiece = isShared ? Math.ceil(total / (threads * PIECES)) : tiles;
  const scratch = planning.passingScratch(scratchBytes * (isShared ? 1 : threads));
  const job = (part: Part, pieces: number, work: number): Job => ({
    code: winogradCode(part, attributes, scheme, layout, planning, {
      bias: inputs.bias !== undefined,
      residual: inputs.residual !== undefined,
    }),
    arguments: [
      ...[address(inputs.input), filters],
      ...[inputs.bias ? address(inputs.bias) : 0, inputs.residual ? address(inputs.residual) : 0],
      address(outputs.output),
      scratch,
      isShared ? 0 : scratchBytes,
      zeroSegment(planning, inChannels),
      spillPlace(planning),
      factorTable(scheme, planning),
      ...[total, tilesOfPiece],
    ],
    pieces,
    work,
  });
  const transformPieces = Math.ceil(total / tilesOfPiece);
  const products = total * places * inChannels * outChannels;
  return [
    packFilterJob(scheme, tile.columns, attributes, address(inputs.filter), filters),
    ...(isShared
      ? [
          job('input', transformPieces, total * inChannels * TRANSFORM_WORK),
          job('products', places, products),
          job('output', transformPieces, total * outChannels * TRANSFORM_WORK),
        ]
      : [job('all', blocks, products)]),
  ];
};

interface Epilogue {
  bias: boolean;
  residual: boolean;
}

const winogradCode = (
  part: Part,
  { activation, ...sizes }: KernelCall<'conv2d'>['attributes'],
  scheme: Scheme,
  layout: Layout,
  { machine }: Planning,
  epilogue: Epilogue,
): Code => {
  const { height, width, inChannels, outHeight, outWidth, outChannels, top, left } = sizes;
  const { tile, tiles } = layout;
  const tileSizes: TileSizes = { ...sizes, scheme, machine };
  return {
    key: [
      ...['winograd', part, scheme.results, tile.rows, tile.columns, tiles],
      ...[height, width, inChannels, outHeight, outWidth, outChannels, top, left],
      ...[activation.slope, activation.ceiling, epilogue.bias, epilogue.residual],
    ].join(' '),
    emit(limits) {
      const assembler = new Assembler(limits);
      const piece = pieceFunction(assembler);
      const made = (emit: (f: FunctionBuilder) => void): FunctionBuilder => {
        const f = assembler.function();
        emit(f);
        return f;
      };
      const [inputBytes, productBytes] = [inChannels, outChannels].map((channels) => tileBytes(scheme, channels));
      const product = (columns: number) =>
        made((f) =>
          emitTile(f, {
            ...{ rows: tile.rows, columns, inner: inChannels, rightStride: tile.columns },
            ...{
              source: { kind: 'affine', rowStride: inputBytes / 4 },
              outputStride: productBytes / 4,
              scattered: false,
              bias: false,
              residual: false,
            },
            ...{ fused: machine.fused, activation: LINEAR },
          }),
        );
      const rest = outChannels % tile.columns;
      emitPieces(piece, assembler.thread(), part, tileSizes, layout, {
        input: (careful) => made((f) => emitInputTile(f, tileSizes, careful)),
        output: (careful) => made((f) => emitOutputTile(f, tileSizes, activation, epilogue, careful)),
        full: () => (outChannels >= tile.columns ? product(tile.columns) : undefined),
        last: () => (rest > 0 ? product(rest) : undefined),
      });
      return assembler.bytes();
    },
  };
};

/** The functions of the steps, made when they are wanted. */
interface Steps {
  input(careful: boolean): FunctionBuilder;
  output(careful: boolean): FunctionBuilder;
  full(): FunctionBuilder | undefined;
  last(): FunctionBuilder | undefined;
}

const emitPieces = (
  { f, first, end }: ReturnType<typeof pieceFunction>,
  thread: ReturnType<Assembler['thread']>,
  partOfWork: Part,
  sizes: TileSizes,
  { tile, tiles }: Layout,
  steps: Steps,
): void => {
  const parameter = (): Local<'i32'> => f.parameter('i32');
  const [input, filters, bias, residual, output] = [1, 2, 3, 4, 5].map(parameter);
  const [scratch, scratchBytes, zeros, spill, factors, total, tilesOfPiece] = [1, 2, 3, 4, 5, 6, 7].map(parameter);
  const { scheme, height, width, inChannels, outHeight, outWidth, outChannels, top, left } = sizes;
  const { side, results } = scheme;
  const places = side ** 2;
  const [inputBytes, productBytes] = [inChannels, outChannels].map((channels) => tileBytes(scheme, channels));
  const none = i32.const(0);
  const tileRows = Math.ceil(outHeight / results);
  const tileColumns = Math.ceil(outWidth / results);
  const inputs = f.let(i32.add(scratch, i32.mul(thread, scratchBytes)));
  const products = f.let(i32.add(inputs, tiles * inputBytes));
  const pointers = f.let(i32.add(products, tiles * productBytes));
  f.advance(pointers, i32.mul(thread, POINTER_BYTES));

  /** Calls `quick` or `careful` for some tiles, with the place of each. */
  const eachTile = (
    firstTile: Local<'i32'>,
    count: Local<'i32'>,
    body: (image: Local<'i32'>, y: Local<'i32'>, x: Local<'i32'>) => void,
  ): void =>
    f.forRange(0, count, 1, (index) => {
      const number = f.let(i32.add(firstTile, index));
      const row = f.let(i32.divU(number, tileColumns));
      const x = f.let(i32.mul(i32.remU(number, tileColumns), results));
      body(f.let(i32.divU(row, tileRows)), f.let(i32.mul(i32.remU(row, tileRows), results)), x);
    });

  const transformInput = (firstTile: Local<'i32'>, count: Local<'i32'>, target: Local<'i32'>): void => {
    const [quick, careful] = [steps.input(false), steps.input(true)];
    eachTile(firstTile, count, (image, y, x) => {
      f.advance(y, -top);
      f.advance(x, -left);
      const pixel = i32.add(i32.mul(i32.add(i32.mul(image, height), y), width), x);
      const source = f.let(i32.add(input, i32.mul(pixel, inChannels * 4)));
      const isInside = i32.and(
        i32.and(i32.geS(y, 0), i32.leS(y, height - side)),
        i32.and(i32.geS(x, 0), i32.leS(x, width - side)),
      );
      const call = (callee: FunctionBuilder) => f.call(callee, source, target, y, x, zeros, pointers, factors);
      f.when(
        isInside,
        () => call(quick),
        () => call(careful),
      );
      f.advance(target, inputBytes);
    });
  };

  const panelBytes = inChannels * tile.columns * 4;
  const panels = Math.ceil(outChannels / tile.columns);
  const multiply = (firstPlace: I32, endPlace: I32, count: Local<'i32'>): void => {
    const [full, last] = [steps.full(), steps.last()];
    f.forRange(firstPlace, endPlace, 1, (place) => {
      const filter = f.let(i32.add(filters, i32.mul(place, panels * panelBytes)));
      const placeInputs = f.let(i32.add(inputs, i32.mul(place, placeBytes(inChannels))));
      const product = f.let(i32.add(products, i32.mul(place, placeBytes(outChannels))));
      const panel = (callee: FunctionBuilder): void => {
        f.forRange(0, count, tile.rows, (row) => {
          const rows = f.let(i32.add(placeInputs, i32.mul(row, inputBytes)));
          const to = f.let(i32.add(product, i32.mul(row, productBytes)));
          f.call(callee, rows, filter, none, none, to, none, none, spill, i32.sub(count, row));
        });
        f.advance(filter, panelBytes);
        f.advance(product, tile.columns * 4);
      };
      if (full) f.forRange(0, Math.floor(outChannels / tile.columns), 1, () => panel(full));
      if (last) panel(last);
    });
  };

  const transformOutput = (firstTile: Local<'i32'>, count: Local<'i32'>, source: Local<'i32'>): void => {
    const [quick, careful] = [steps.output(false), steps.output(true)];
    eachTile(firstTile, count, (image, y, x) => {
      const pixel = i32.add(i32.mul(i32.add(i32.mul(image, outHeight), y), outWidth), x);
      const place = f.let(i32.mul(pixel, outChannels * 4));
      const isWhole = i32.and(i32.leS(y, outHeight - results), i32.leS(x, outWidth - results));
      const call = (callee: FunctionBuilder) =>
        f.call(callee, source, i32.add(output, place), i32.add(residual, place), bias, y, x, factors);
      f.when(
        isWhole,
        () => call(quick),
        () => call(careful),
      );
      f.advance(source, productBytes);
    });
  };

  if (partOfWork === 'products') {
    multiply(first, end, total);
    return;
  }
  f.forRange(first, end, 1, (piece) => {
    const firstTile = f.let(i32.mul(piece, tilesOfPiece));
    const count = f.let(i32.sub(total, firstTile));
    f.set(count, i32.min(count, tilesOfPiece));
    /** A block begins anew in its thread's memory; tiles that are shared out have their place in all of it. */
    const start = (from: Local<'i32'>, bytesOfTile: number): Local<'i32'> =>
      f.let(partOfWork === 'all' ? from : i32.add(from, i32.mul(firstTile, bytesOfTile)));
    if (partOfWork !== 'output') transformInput(firstTile, count, start(inputs, inputBytes));
    if (partOfWork === 'all') multiply(0, places, count);
    if (partOfWork !== 'input') transformOutput(firstTile, count, start(products, productBytes));
  });
};
