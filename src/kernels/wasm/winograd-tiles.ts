/** How Winograd's tiles come in and go out: the two transforms of one tile, all its channels. */
import type { Activation, Conv2dSizes } from '../kernel';
import { emitActivation } from './activate';
import { type Expression, type FunctionBuilder, f32x4, type I32, i32, type Local, type V128, v128 } from './assembler';
import type { Machine } from './machine';
import { arithmeticOf, bothWays, type Column, type Scheme } from './winograd-transforms';

export interface TileSizes extends Conv2dSizes {
  scheme: Scheme;
  machine: Machine;
}

/**
 * A tile's numbers lie together, place after place, so that making and reading them touches few pages. An odd number
 * of cache lines between places of many channels and between tiles: powers of two would meet in the same few lines of
 * the first cache.
 */
export const placeBytes = (channels: number): number => channels * 4 + (channels % 64 === 0 && channels > 64 ? 64 : 0);
export const tileBytes = ({ side }: Scheme, channels: number): number => {
  const lines = Math.ceil((side ** 2 * placeBytes(channels)) / 64);
  return (lines + 1 - (lines % 2)) * 64;
};

const range = (length: number): number[] => [...Array(length).keys()];

/**
 * Transforms the square of numbers that `load` gives and hands each result to `store`. Where the machine makes wide
 * vectors of pairs, two vectors side by side are transformed together, for it to find them.
 */
const transformAll = (
  side: number,
  { wide }: Machine,
  transform: (column: Column) => Column,
  load: (i: number, j: number, shift: number) => Local<'v128'>,
): Column[][] => {
  const loaded = range(side).map((i) => range(side).map((j) => range(wide ? 2 : 1).map((v) => load(i, j, v * 16))));
  const squares = range(wide ? 2 : 1).map((v) =>
    bothWays(
      loaded.map((row) => row.map((pair) => pair[v])),
      transform,
    ),
  );
  return range(squares[0].length).map((i) => range(squares[0][0].length).map((j) => squares.map((s) => s[i][j])));
};

const stepOf = ({ wide }: Machine): number => (wide ? 32 : 16);

/**
 * Parameters: where the tile's first number is, where its first result goes, its row and column in the image, zeros,
 * a place for pointers, and the factors. Careful: some of the numbers are outside of the image and are zeros.
 */
export const emitInputTile = (f: FunctionBuilder, sizes: TileSizes, careful: boolean): void => {
  const { scheme, machine, inChannels, height, width } = sizes;
  const [source, target, y, x, zeros, pointers, factors] = [1, 2, 3, 4, 5, 6, 7].map(() => f.parameter('i32'));
  const { side } = scheme;
  const offset = (i: number, j: number): number => (i * width + j) * inChannels * 4;
  if (careful) {
    const columnIsInside = range(side).map((j) => f.let(i32.ltU(i32.add(x, j), width)));
    for (const i of range(side)) {
      const rowIsInside = f.let(i32.ltU(i32.add(y, i), height));
      for (const j of range(side)) {
        const isInside = i32.and(rowIsInside, columnIsInside[j]);
        f.storeI32(pointers, i32.select(isInside, i32.add(source, offset(i, j)), zeros), (i * side + j) * 4);
      }
    }
  }
  const arithmetic = arithmeticOf(f, machine.fused, scheme, factors);
  f.forRange(0, inChannels * 4, stepOf(machine), (channel) => {
    const from = f.let(i32.add(source, channel));
    const to = f.let(i32.add(target, channel));
    const pointer = (i: number, j: number): Expression<'i32'> =>
      i32.add(i32.load(pointers, (i * side + j) * 4), channel);
    const places = new Map<string, Local<'i32'>>();
    const placeOf = (i: number, j: number): Local<'i32'> => {
      const known = places.get(`${i} ${j}`) ?? f.let(pointer(i, j));
      places.set(`${i} ${j}`, known);
      return known;
    };
    const results = transformAll(
      side,
      machine,
      (column) => scheme.input(arithmetic, column),
      (i, j, shift) => f.let(careful ? v128.load(placeOf(i, j), shift) : v128.load(from, offset(i, j) + shift)),
    );
    results.forEach((row, i) => {
      row.forEach((vectors, j) => {
        vectors.forEach((vector, v) => {
          f.store(to, vector, (i * side + j) * placeBytes(inChannels) + v * 16);
        });
      });
    });
  });
};

/**
 * Parameters: where the tile's first product is, where its first result goes and the residual comes from, the bias,
 * row and column in the image, and the factors. Careful: some of the results are outside of the image.
 */
export const emitOutputTile = (
  f: FunctionBuilder,
  sizes: TileSizes,
  activation: Activation,
  has: { bias: boolean; residual: boolean },
  careful: boolean,
): void => {
  const { scheme, machine, outChannels, outHeight, outWidth } = sizes;
  const [source, output, residual, bias, y, x, factors] = [1, 2, 3, 4, 5, 6, 7].map(() => f.parameter('i32'));
  const arithmetic = arithmeticOf(f, machine.fused, scheme, factors);
  f.forRange(0, outChannels * 4, stepOf(machine), (channel) => {
    const from = f.let(i32.add(source, channel));
    const to = f.let(i32.add(output, channel));
    const residualFrom = has.residual ? f.let(i32.add(residual, channel)) : residual;
    const biasFrom = has.bias ? f.let(i32.add(bias, channel)) : bias;
    const biases = range(machine.wide ? 2 : 1).map((v) => (has.bias ? f.let(v128.load(biasFrom, v * 16)) : undefined));
    const results = transformAll(
      scheme.side,
      machine,
      (column) => scheme.output(arithmetic, column),
      (i, j, shift) => f.let(v128.load(from, (i * scheme.side + j) * placeBytes(outChannels) + shift)),
    );
    const finished = (vector: V128, offset: number, v: number): V128 => {
      const vectorBias = biases[v];
      const withBias = vectorBias ? f32x4.add(vector, vectorBias) : vector;
      return emitActivation(
        f,
        has.residual ? f32x4.add(withBias, v128.load(residualFrom, offset)) : withBias,
        activation,
      );
    };
    results.forEach((row, i) => {
      row.forEach((vectors, j) => {
        const offset = (i * outWidth + j) * outChannels * 4;
        const store = (): void => {
          const values = vectors.map((vector, v) => f.let(finished(vector, offset + v * 16, v)));
          values.forEach((value, v) => {
            f.store(to, value, offset + v * 16);
          });
        };
        const inside = (start: I32, shift: number, limit: number): Expression<'i32'> =>
          i32.ltS(i32.add(start, shift), limit);
        if (careful && i + j > 0) f.when(i32.and(inside(y, i, outHeight), inside(x, j, outWidth)), store);
        else store();
      });
    });
  });
};
