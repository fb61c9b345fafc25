/**
 * Kernels that slide a window over each channel by itself: pooling and depthwise convolution. The sizes are arguments,
 * so one module serves all shapes. Sixteen channels at a time keep four results in registers while the window's places
 * inside the image are visited; places in the padding are never looked at.
 */
import type { ChannelWindowSizes } from '../kernel';
import { type Expression, type FunctionBuilder, i32, type Local, type V128, v128 } from './assembler';
import { type Code, type Job, singleFunction } from './job';
import { storeFirst } from './runs';

export interface WindowKernel {
  key: string;
  /** Operands besides the image, by channel or by place and channel. */
  operands: number;
  /** What a result is before the first place. `channel` is the byte offset of the channel. */
  start(f: FunctionBuilder, operands: Local<'i32'>[], channel: Expression<'i32'>, shift: number): V128;
  /** What a place makes of it. `weight` is the byte offset of place and channel in a filter [fh,fw,c]. */
  visit(
    f: FunctionBuilder,
    operands: Local<'i32'>[],
    weight: Expression<'i32'>,
    shift: number,
    result: V128,
    value: V128,
  ): V128;
  /** What is stored in the end. `count` is the number of places visited. */
  finish(f: FunctionBuilder, result: V128, count: Expression<'i32'>): V128;
}

const VECTORS = 4;

export const windowJob = (
  code: Code,
  sizes: ChannelWindowSizes,
  input: number,
  output: number,
  operands: readonly number[] = [],
): Job => {
  const { batch, height, width, channels, outHeight, outWidth, filterHeight, filterWidth } = sizes;
  const { strideY, strideX, top, left } = sizes;
  return {
    code,
    arguments: [
      ...[input, output, height, width, channels, outHeight, outWidth],
      ...[filterHeight, filterWidth, strideY, strideX, top, left],
      ...operands,
    ],
    pieces: batch * outHeight,
    work: batch * outHeight * outWidth * channels * (filterHeight * filterWidth + 2),
  };
};

export const windowCode = (kernel: WindowKernel): Code =>
  singleFunction(kernel.key, ({ f, first, end }) => {
    const parameter = () => f.parameter('i32');
    const [input, output, height, width, channels, outHeight, outWidth] = [1, 2, 3, 4, 5, 6, 7].map(parameter);
    const [filterHeight, filterWidth, strideY, strideX, top, left] = [1, 2, 3, 4, 5, 6].map(parameter);
    const operands = [...Array(kernel.operands)].map(parameter);
    const pixelBytes = f.let(i32.shl(channels, 2));
    const rowBytes = f.let(i32.mul(width, pixelBytes));
    const target = f.let(i32.add(output, i32.mul(i32.mul(first, outWidth), pixelBytes)));

    f.forRange(first, end, 1, (row) => {
      const y = f.let(i32.sub(i32.mul(i32.remU(row, outHeight), strideY), top));
      const rows = clampWindow(f, y, filterHeight, height);
      const imageRow = i32.mul(i32.divU(row, outHeight), height);
      const windowRow = f.let(i32.add(input, i32.mul(i32.add(imageRow, rows.from), rowBytes)));
      f.forRange(0, outWidth, 1, (column) => {
        const x = f.let(i32.sub(i32.mul(column, strideX), left));
        const columns = clampWindow(f, x, filterWidth, width);
        const source = f.let(i32.add(windowRow, i32.mul(columns.from, pixelBytes)));
        const firstPlace = i32.add(i32.mul(i32.sub(rows.from, y), filterWidth), i32.sub(columns.from, x));
        const firstWeight = f.let(i32.mul(firstPlace, pixelBytes));
        const count = f.let(i32.mul(i32.sub(rows.to, rows.from), i32.sub(columns.to, columns.from)));

        f.forRange(0, channels, VECTORS * 4, (channel) => {
          const channelBytes = f.let(i32.shl(channel, 2));
          const results = [...Array(VECTORS).keys()].map((v) => f.let(kernel.start(f, operands, channelBytes, v * 16)));
          const line = f.let(i32.add(source, channelBytes));
          const weightLine = f.let(i32.add(firstWeight, channelBytes));
          f.forRange(rows.from, rows.to, 1, () => {
            const at = f.let(line);
            const weight = f.let(weightLine);
            f.forRange(columns.from, columns.to, 1, () => {
              results.forEach((result, v) => {
                f.set(result, kernel.visit(f, operands, weight, v * 16, result, v128.load(at, v * 16)));
              });
              f.advance(at, pixelBytes);
              f.advance(weight, pixelBytes);
            });
            f.advance(line, rowBytes);
            f.advance(weightLine, i32.mul(filterWidth, pixelBytes));
          });
          const left = f.let(i32.sub(channels, channel));
          const place = f.let(i32.add(target, channelBytes));
          results.forEach((result, v) => {
            f.when(i32.gtS(left, 0), () => storeFirst(f, place, kernel.finish(f, result, count), left));
            if (v + 1 === VECTORS) return;
            f.advance(place, 16);
            f.set(left, i32.sub(left, 4));
          });
        });
        f.advance(target, pixelBytes);
      });
    });
  });

/** The part [from, to) of the window at `start` that lies inside [0, limit). */
export const clampWindow = (
  f: FunctionBuilder,
  start: Local<'i32'>,
  length: Local<'i32'>,
  limit: Local<'i32'>,
): { from: Local<'i32'>; to: Local<'i32'> } => {
  const from = f.let(i32.max(start, 0));
  const to = f.let(i32.add(start, length));
  f.set(to, i32.min(to, limit));
  return { from, to };
};
