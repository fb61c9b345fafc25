/**
 * Kernels that slide a window over each channel by itself: pooling and depthwise convolution. A few neighbouring
 * results are made at once, four channels at a time: their windows overlap, so that each pixel is loaded once and each
 * weight once for all of them. Channels, filter width and stride are in the code, which makes every place in a row of
 * the window an offset that a load knows by itself; other sizes are arguments.
 *
 * Rows of the window outside the image are left out by where the loop over them begins and ends. Columns outside are
 * left out by asking at each place, in a second, careful version of the code for blocks at the edge.
 */
import type { ChannelWindowSizes } from '../kernel';
import { type Expression, type FunctionBuilder, i32, type Local, type V128, v128 } from './assembler';
import { type Code, type Job, singleFunction } from './job';
import { storeFirst } from './runs';

export interface WindowKernel {
  key: string;
  /** Addresses besides the image's: of numbers by channel, or by place and channel. */
  operands: number;
  /** What a result is before the first place. `channel` is the byte offset of the channel. */
  start(operands: readonly Local<'i32'>[], channel: Local<'i32'>): V128;
  /** What of a filter [fh,fw,c] belongs to a place; `at` is the byte offset of its first place in the row. */
  weight?(operands: readonly Local<'i32'>[], at: Local<'i32'>, shift: number): V128;
  /** What a place makes of a result. */
  visit(result: V128, value: Local<'v128'>, weight: Local<'v128'> | undefined): V128;
  /** What is stored in the end. `count` is the number of places visited. */
  finish(f: FunctionBuilder, result: V128, count: Expression<'i32'>): V128;
}

/** Pixels of a row that are held in registers, of about fifteen that there are. */
const MOST_PIXELS = 7;
const MOST_RESULTS = 4;

export const windowJob = (
  kernel: WindowKernel,
  sizes: ChannelWindowSizes,
  input: number,
  output: number,
  operands: readonly number[] = [],
): Job => {
  const { batch, height, width, channels, outHeight, outWidth, filterHeight, filterWidth } = sizes;
  const { strideY, strideX, top, left } = sizes;
  return {
    code: windowCode(kernel, { channels, filterWidth, strideX }),
    arguments: [input, output, height, width, outHeight, outWidth, filterHeight, strideY, top, left, ...operands],
    pieces: batch * outHeight,
    work: batch * outHeight * outWidth * channels * (filterHeight * filterWidth + 2),
  };
};

type FixedSizes = Pick<ChannelWindowSizes, 'channels' | 'filterWidth' | 'strideX'>;

const windowCode = (kernel: WindowKernel, sizes: FixedSizes): Code => {
  const { channels, filterWidth, strideX } = sizes;
  const pixelBytes = channels * 4;
  const results = Math.max(1, Math.min(MOST_RESULTS, Math.floor((MOST_PIXELS - filterWidth) / strideX) + 1));
  const pixels = (results - 1) * strideX + filterWidth;

  return singleFunction(`${kernel.key} ${channels} ${filterWidth} ${strideX}`, ({ f, first, end }) => {
    const parameter = () => f.parameter('i32');
    const [input, output, height, width, outHeight, outWidth] = [1, 2, 3, 4, 5, 6].map(parameter);
    const [filterHeight, strideY, top, left] = [1, 2, 3, 4].map(parameter);
    const operands = [...Array(kernel.operands)].map(parameter);
    const rowBytes = f.let(i32.mul(width, pixelBytes));
    const target = f.let(i32.add(output, i32.mul(i32.mul(first, outWidth), pixelBytes)));

    f.forRange(first, end, 1, (row) => {
      const y = f.let(i32.sub(i32.mul(i32.remU(row, outHeight), strideY), top));
      const rows = clampWindow(f, y, filterHeight, height);
      const rowCount = f.let(i32.sub(rows.to, rows.from));
      const imageRow = i32.mul(i32.divU(row, outHeight), height);
      const windowRow = f.let(i32.add(input, i32.mul(i32.add(imageRow, rows.from), rowBytes)));
      const firstWeight = f.let(i32.mul(i32.sub(rows.from, y), filterWidth * pixelBytes));

      f.forRange(0, outWidth, results, (column) => {
        const x = f.let(i32.sub(i32.mul(column, strideX), left));
        const source = f.let(i32.add(windowRow, i32.mul(x, pixelBytes)));
        const block = (careful: boolean): void =>
          f.forRange(0, pixelBytes, 16, (channel) => {
            const isInside = (pixel: number) => i32.ltU(i32.add(x, pixel), width);
            const sums = [...Array(results)].map(() => f.let(kernel.start(operands, channel)));
            const line = f.let(i32.add(source, channel));
            const weightLine = f.let(i32.add(firstWeight, channel));
            f.forRange(0, rowCount, 1, () => {
              const weights = [...Array(filterWidth).keys()].map(
                (place) => kernel.weight && f.let(kernel.weight(operands, weightLine, place * pixelBytes)),
              );
              for (let pixel = 0; pixel < pixels; pixel++) {
                const visit = () => {
                  // At an edge the line may begin before address 0, which an offset of the load would not bring back.
                  const value = f.let(
                    careful ? v128.load(i32.add(line, pixel * pixelBytes)) : v128.load(line, pixel * pixelBytes),
                  );
                  sums.forEach((sum, k) => {
                    const place = pixel - k * strideX;
                    if (place >= 0 && place < filterWidth) f.set(sum, kernel.visit(sum, value, weights[place]));
                  });
                };
                if (careful) f.when(isInside(pixel), visit);
                else visit();
              }
              f.advance(line, rowBytes);
              f.advance(weightLine, filterWidth * pixelBytes);
            });
            const channelsLeft = f.let(i32.shrU(i32.sub(pixelBytes, channel), 2));
            sums.forEach((sum, k) => {
              const store = () => {
                const columns = careful
                  ? [...Array(filterWidth).keys()].map((place) => isInside(k * strideX + place)).reduce(i32.add)
                  : i32.const(filterWidth);
                const value = kernel.finish(f, sum, i32.mul(rowCount, columns));
                const place = f.let(i32.add(i32.add(target, channel), k * pixelBytes));
                if (channels % 4 === 0) f.store(place, value);
                else storeFirst(f, place, value, channelsLeft);
              };
              if (careful && k > 0) f.when(i32.ltS(i32.add(column, k), outWidth), store);
              else store();
            });
          });
        const isWhole = i32.and(
          i32.and(i32.geS(x, 0), i32.leS(i32.add(x, pixels), width)),
          i32.leS(i32.add(column, results), outWidth),
        );
        f.when(
          isWhole,
          () => block(false),
          () => block(true),
        );
        f.advance(target, results * pixelBytes);
      });
      // The last block may have gone past the end of the row.
      f.set(target, i32.add(output, i32.mul(i32.mul(i32.add(row, 1), outWidth), pixelBytes)));
    });
  });
};

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
