/**
 * A 3 x 3 convolution of stride 1 with constant filters by Winograd's minimal filtering (winograd-transforms.ts): the
 * image falls into tiles, each of side x side numbers becomes as many others, and these are multiplied, place by
 * place, by transformed filters: side x side matrix products [tiles, inChannels] x [inChannels, outChannels].
 *
 * A piece takes a block of tiles through all of it: what lies between the steps stays in the second cache, in memory
 * that the thread keeps for that. Where there are few tiles, pieces share them and take a part of the results each.
 */
import type { Conv2dSizes, KernelCall } from '../kernel';
import { LINEAR } from '../kernel';
import { Assembler, type FunctionBuilder, i32, type Local } from './assembler';
import { spillPlace, zeroSegment } from './gemm';
import { type Code, type Job, type Planning, pieceFunction } from './job';
import { chooseTile, emitTile, type Tile } from './tile';
import { packFilterJob } from './winograd-filter';
import { emitInputTile, emitOutputTile, placeBytes, type TileSizes } from './winograd-tiles';
import { FOUR, factorTable, type Scheme, TWO } from './winograd-transforms';

/** Vectors come in pairs. */
const CHANNEL_MULTIPLE = 8;
/** Bytes of a block between the steps: most of a second cache. */
const BLOCK_BYTES = 600 << 10;
/** Tiles over which reading the filters is spread, where there are so many. */
const FEWEST_TILES = 32;
const MOST_TILES = 48;
/** Pieces a thread. */
const PIECES = 3;
/** What the transforms and a filter's way from memory cost, in multiplications. */
const INPUT_COST = 130;
const OUTPUT_COST = 130;
const FILTER_COST = 4;
/** What must be saved to be worth the loss of digits. */
const MOST_SHARE = 0.85;

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
  const best = cost(FOUR) < cost(TWO) ? FOUR : TWO;
  return cost(best) < MOST_SHARE * plain ? best : undefined;
};

interface Layout {
  tile: Tile;
  /** Tiles of a block. */
  tiles: number;
  blocks: number;
  /** Parts of the output channels, all alike. */
  parts: number;
  columns: number;
}

const layoutOf = (sizes: Conv2dSizes, scheme: Scheme, { threads, machine }: Planning): Layout => {
  const { inChannels, outChannels } = sizes;
  const total = tilesOf(sizes, scheme);
  const bytesOfTile = scheme.side ** 2 * 4 * (inChannels + outChannels);
  const most = Math.min(MOST_TILES, Math.max(FEWEST_TILES, Math.floor(BLOCK_BYTES / bytesOfTile)));
  const tile = chooseTile(machine, Math.min(most, total), outChannels);
  const rounded = (tiles: number): number => Math.ceil(tiles / tile.rows) * tile.rows;
  const wanted = threads === 1 ? 1 : threads * PIECES;
  // Blocks of equal size, so that the last one is not a sliver.
  const tiles = rounded(Math.ceil(total / Math.ceil(total / most)));
  const blocks = Math.ceil(total / tiles);
  const panels = outChannels / tile.columns;
  let parts = 1;
  while (blocks * parts < wanted && panels % (parts * 2) === 0) parts *= 2;
  return { tile, tiles, blocks, parts, columns: outChannels / parts };
};

export const winograd = (
  { inputs, outputs, attributes }: KernelCall<'conv2d'>,
  scheme: Scheme,
  planning: Planning,
): Job[] => {
  const { address } = planning;
  const { inChannels, outChannels } = attributes;
  const layout = layoutOf(attributes, scheme, planning);
  const { tile, tiles, blocks, parts, columns } = layout;
  const places = scheme.side ** 2;
  const panels = Math.ceil(outChannels / tile.columns);
  const filters = planning.scratch(places * panels * tile.columns * inChannels * 4);
  const scratchBytes = places * (placeBytes(tiles, inChannels) + placeBytes(tiles, columns) + 4) + 64;
  const total = tilesOf(attributes, scheme);
  return [
    packFilterJob(scheme, tile.columns, attributes, address(inputs.filter), filters),
    {
      code: winogradCode(attributes, scheme, layout, planning, {
        bias: inputs.bias !== undefined,
        residual: inputs.residual !== undefined,
      }),
      arguments: [
        address(inputs.input),
        filters,
        inputs.bias ? address(inputs.bias) : 0,
        inputs.residual ? address(inputs.residual) : 0,
        address(outputs.output),
        planning.scratch(scratchBytes * planning.threads),
        scratchBytes,
        zeroSegment(planning, inChannels),
        spillPlace(planning),
        factorTable(scheme, planning),
        total,
      ],
      pieces: blocks * parts,
      work: total * places * inChannels * outChannels,
    },
  ];
};

interface Epilogue {
  bias: boolean;
  residual: boolean;
}

const winogradCode = (
  { activation, ...sizes }: KernelCall<'conv2d'>['attributes'],
  scheme: Scheme,
  layout: Layout,
  { machine }: Planning,
  epilogue: Epilogue,
): Code => {
  const { height, width, inChannels, outHeight, outWidth, outChannels, top, left } = sizes;
  const { tile, tiles, parts, columns } = layout;
  const tileSizes: TileSizes = { ...sizes, scheme, tiles, columns, machine };
  return {
    key: [
      ...['winograd', scheme.results, tile.rows, tile.columns, tiles, parts, machine.wide],
      ...[height, width, inChannels, outHeight, outWidth, outChannels, top, left],
      ...[activation.slope, activation.ceiling, epilogue.bias, epilogue.residual],
    ].join(' '),
    emit(limits) {
      const assembler = new Assembler(limits);
      const piece = pieceFunction(assembler);
      const inputTiles = [false, true].map((careful) => {
        const f = assembler.function();
        emitInputTile(f, tileSizes, careful);
        return f;
      });
      const outputTiles = [false, true].map((careful) => {
        const f = assembler.function();
        emitOutputTile(f, tileSizes, activation, epilogue, careful);
        return f;
      });
      const product = (width: number): FunctionBuilder => {
        const f = assembler.function();
        emitTile(f, {
          ...{ rows: tile.rows, columns: width, inner: inChannels, rightStride: tile.columns, outputStride: columns },
          ...{ source: { kind: 'affine', rowStride: inChannels }, scattered: false, bias: false, residual: false },
          ...{ fused: machine.fused, activation: LINEAR },
        });
        return f;
      };
      const rest = columns % tile.columns;
      const full = columns >= tile.columns ? product(tile.columns) : undefined;
      const last = rest > 0 ? product(rest) : undefined;
      emitPieces(piece, assembler.thread(), tileSizes, layout, { inputTiles, outputTiles, full, last });
      return assembler.bytes();
    },
  };
};

interface Steps {
  /** Quick and careful. */
  inputTiles: FunctionBuilder[];
  outputTiles: FunctionBuilder[];
  full: FunctionBuilder | undefined;
  last: FunctionBuilder | undefined;
}

const emitPieces = (
  { f, first, end }: ReturnType<typeof pieceFunction>,
  thread: ReturnType<Assembler['thread']>,
  sizes: TileSizes,
  { tile, parts, columns }: Layout,
  { inputTiles, outputTiles, full, last }: Steps,
): void => {
  const parameter = (): Local<'i32'> => f.parameter('i32');
  const [input, filters, bias, residual, output] = [1, 2, 3, 4, 5].map(parameter);
  const [scratch, scratchBytes, zeros, spill, factors, total] = [1, 2, 3, 4, 5, 6].map(parameter);
  const { scheme, tiles, height, width, inChannels, outHeight, outWidth, outChannels, top, left } = sizes;
  const { side, results } = scheme;
  const places = side ** 2;
  const none = i32.const(0);
  const tileRows = Math.ceil(outHeight / results);
  const tileColumns = Math.ceil(outWidth / results);
  const inputs = f.let(i32.add(scratch, i32.mul(thread, scratchBytes)));
  const products = f.let(i32.add(inputs, places * placeBytes(tiles, inChannels)));
  const pointers = f.let(i32.add(products, places * placeBytes(tiles, columns)));

  /** Goes through the tiles of the block with the place of each. */
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

  f.forRange(first, end, 1, (piece) => {
    const part = f.let(i32.remU(piece, parts));
    const firstTile = f.let(i32.mul(i32.divU(piece, parts), tiles));
    const count = f.let(i32.sub(total, firstTile));
    f.set(count, i32.min(count, tiles));

    const target = f.let(inputs);
    eachTile(firstTile, count, (image, y, x) => {
      f.advance(y, -top);
      f.advance(x, -left);
      const pixel = i32.add(i32.mul(i32.add(i32.mul(image, height), y), width), x);
      const source = f.let(i32.add(input, i32.mul(pixel, inChannels * 4)));
      // Unsigned: what is negative is large.
      const isInside = i32.and(
        i32.and(i32.geS(y, 0), i32.leS(y, height - side)),
        i32.and(i32.geS(x, 0), i32.leS(x, width - side)),
      );
      const call = (callee: FunctionBuilder) => f.call(callee, source, target, y, x, zeros, pointers, factors);
      f.when(
        isInside,
        () => call(inputTiles[0]),
        () => call(inputTiles[1]),
      );
      f.advance(target, inChannels * 4);
    });

    const panels = Math.ceil(columns / tile.columns);
    const panelBytes = inChannels * tile.columns * 4;
    const filter = f.let(i32.add(filters, i32.mul(part, panels * panelBytes)));
    f.forRange(0, places, 1, (place) => {
      const placeInputs = f.let(i32.add(inputs, i32.mul(place, placeBytes(tiles, inChannels))));
      const product = f.let(i32.add(products, i32.mul(place, placeBytes(tiles, columns))));
      const panel = (callee: FunctionBuilder): void => {
        f.forRange(0, count, tile.rows, (row) => {
          const rows = f.let(i32.add(placeInputs, i32.mul(row, inChannels * 4)));
          const to = f.let(i32.add(product, i32.mul(row, columns * 4)));
          f.call(callee, rows, filter, none, none, to, none, none, spill, i32.sub(count, row));
        });
        f.advance(filter, panelBytes);
        f.advance(product, tile.columns * 4);
      };
      if (full) f.forRange(0, Math.floor(columns / tile.columns), 1, () => panel(full));
      if (last) panel(last);
      f.advance(filter, (parts - 1) * panels * panelBytes);
    });

    f.set(target, products);
    eachTile(firstTile, count, (image, y, x) => {
      const pixel = i32.add(i32.mul(i32.add(i32.mul(image, outHeight), y), outWidth), x);
      const channel = i32.mul(part, columns * 4);
      const place = f.let(i32.add(i32.mul(pixel, outChannels * 4), channel));
      const isWhole = i32.and(i32.leS(y, outHeight - results), i32.leS(x, outWidth - results));
      const call = (callee: FunctionBuilder) =>
        f.call(callee, target, i32.add(output, place), i32.add(residual, place), i32.add(bias, channel), y, x, factors);
      f.when(
        isWhole,
        () => call(outputTiles[0]),
        () => call(outputTiles[1]),
      );
      f.advance(target, columns * 4);
    });
  });
};
