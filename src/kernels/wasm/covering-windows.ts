/**
 * The way back through a sliding window: each pixel of the image gathers from the windows that cover it. A pixel is
 * written once, by one thread, so nothing has to be set to zero before and the order of the sum is always the same.
 */
import type { ChannelWindowSizes } from '../kernel';
import { type Expression, type FunctionBuilder, f32x4, i32, type Local, type V128 } from './assembler';
import { type Code, type Job, singleFunction } from './job';
import { storeFirst } from './runs';

/** A window that covers the pixel. Offsets are in bytes and include the channel. */
export interface CoveringWindow {
  /** Of the window's result in [n,oh,ow,c]. */
  place: Expression<'i32'>;
  /** Of the pixel's weight in a filter [fh,fw,c]. */
  weight: Expression<'i32'>;
  /** Which place of the window the pixel is, counted row by row. */
  tap: Local<'i32'>;
  /** How many places of the window lie inside the image. */
  count: Expression<'i32'>;
}

export interface GatherKernel {
  key: string;
  operands: number;
  /** What the pixel gets from the window. */
  term(operands: Local<'i32'>[], window: CoveringWindow, shift: number): V128;
}

const VECTORS = 4;

export const gatherJob = (code: Code, sizes: ChannelWindowSizes, output: number, operands: readonly number[]): Job => {
  const { batch, height, width, channels, outHeight, outWidth, filterHeight, filterWidth } = sizes;
  const { strideY, strideX, top, left } = sizes;
  const windowsOfPixel = Math.ceil(filterHeight / strideY) * Math.ceil(filterWidth / strideX);
  return {
    code,
    arguments: [
      ...[output, height, width, channels, outHeight, outWidth],
      ...[filterHeight, filterWidth, strideY, strideX, top, left],
      ...operands,
    ],
    pieces: batch * height,
    work: batch * height * width * channels * (windowsOfPixel + 2),
  };
};

export const gatherCode = (kernel: GatherKernel): Code =>
  singleFunction(kernel.key, ({ f, first, end }) => {
    const parameter = () => f.parameter('i32');
    const [output, height, width, channels, outHeight, outWidth] = [1, 2, 3, 4, 5, 6].map(parameter);
    const [filterHeight, filterWidth, strideY, strideX, top, left] = [1, 2, 3, 4, 5, 6].map(parameter);
    const operands = [...Array(kernel.operands)].map(parameter);
    const pixelBytes = f.let(i32.shl(channels, 2));
    const target = f.let(i32.add(output, i32.mul(i32.mul(first, width), pixelBytes)));
    const rows = { filter: filterHeight, stride: strideY, padding: top, length: height, windows: outHeight };
    const columns = { filter: filterWidth, stride: strideX, padding: left, length: width, windows: outWidth };

    f.forRange(first, end, 1, (row) => {
      const y = f.let(i32.add(i32.remU(row, height), top));
      const firstWindow = f.let(i32.mul(i32.divU(row, height), outHeight));
      const vertical = coveringRange(f, y, rows);
      f.forRange(0, width, 1, (column) => {
        const x = f.let(i32.add(column, left));
        const horizontal = coveringRange(f, x, columns);
        f.forRange(0, channels, VECTORS * 4, (channel) => {
          const channelBytes = f.let(i32.shl(channel, 2));
          const results = [...Array(VECTORS)].map(() => f.let<'v128'>(f32x4.const(0)));
          f.forRange(vertical.from, vertical.to, 1, (i) => {
            const tapRow = f.let(i32.mul(i32.sub(y, i32.mul(i, strideY)), filterWidth));
            const windowRow = f.let(i32.mul(i32.add(firstWindow, i), outWidth));
            f.forRange(horizontal.from, horizontal.to, 1, (j) => {
              const tap = f.let(i32.add(tapRow, i32.sub(x, i32.mul(j, strideX))));
              const window: CoveringWindow = {
                place: f.let(i32.add(i32.mul(i32.add(windowRow, j), pixelBytes), channelBytes)),
                weight: f.let(i32.add(i32.mul(tap, pixelBytes), channelBytes)),
                tap,
                count: i32.mul(placesInside(f, i, rows), placesInside(f, j, columns)),
              };
              results.forEach((result, v) => {
                f.set(result, f32x4.add(result, kernel.term(operands, window, v * 16)));
              });
            });
          });
          const channelsLeft = f.let(i32.sub(channels, channel));
          const place = f.let(i32.add(target, channelBytes));
          results.forEach((result, v) => {
            f.when(i32.gtS(channelsLeft, 0), () => storeFirst(f, place, result, channelsLeft));
            if (v + 1 === VECTORS) return;
            f.advance(place, 16);
            f.set(channelsLeft, i32.sub(channelsLeft, 4));
          });
        });
        f.advance(target, pixelBytes);
      });
    });
  });

/** One axis of the window sizes. */
interface Axis {
  filter: Local<'i32'>;
  stride: Local<'i32'>;
  padding: Local<'i32'>;
  length: Local<'i32'>;
  windows: Local<'i32'>;
}

/** The windows [from, to) that cover the position, which counts from the padding's edge. */
const coveringRange = (
  f: FunctionBuilder,
  position: Local<'i32'>,
  { filter, stride, windows }: Axis,
): { from: Local<'i32'>; to: Local<'i32'> } => {
  // The first window whose end, from * stride + filter, lies behind the position.
  const before = f.let(i32.sub(i32.add(position, stride), filter));
  const from = f.let(i32.divU(i32.max(before, 0), stride));
  const to = f.let(i32.add(i32.divU(position, stride), 1));
  f.set(to, i32.min(to, windows));
  return { from, to };
};

const placesInside = (
  f: FunctionBuilder,
  window: Local<'i32'>,
  { filter, stride, padding, length }: Axis,
): Expression<'i32'> => {
  const start = f.let(i32.sub(i32.mul(window, stride), padding));
  const end = f.let(i32.add(start, filter));
  return f.let(i32.sub(i32.min(end, length), i32.max(start, 0)));
};
