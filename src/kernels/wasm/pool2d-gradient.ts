import type { KernelCall } from '../kernel';
import { f32, f32x4, i32, i32x4, v128 } from './assembler';
import { gatherCode, gatherJob } from './covering-windows';
import { type Code, type Job, type Planning, singleFunction } from './job';
import { storeFirst } from './runs';
import { clampWindow } from './windows';

export const averagePool2dGradient = (
  { inputs, outputs, attributes }: KernelCall<'averagePool2dGradient'>,
  { address }: Planning,
): Job[] => [gatherJob(averageCode, attributes, address(outputs.output), [address(inputs.outputGradient)])];

const averageCode = gatherCode({
  key: 'averagePool2dGradient',
  operands: 1,
  term: ([gradient], { place, count }, shift) =>
    f32x4.div(v128.load(i32.add(gradient, place), shift), f32x4.splat(f32.fromI32(count))),
});

/** First each window notes which of its places is the largest, then each pixel asks the windows that cover it. */
export const maxPool2dGradient = (
  { inputs, outputs, attributes }: KernelCall<'maxPool2dGradient'>,
  { address, scratch }: Planning,
): Job[] => {
  const { batch, height, width, channels, outHeight, outWidth, filterHeight, filterWidth } = attributes;
  const { strideY, strideX, top, left } = attributes;
  const results = batch * outHeight * outWidth * channels;
  const winners = scratch(results * 4);
  return [
    {
      code: winnersCode,
      arguments: [
        ...[address(inputs.input), winners, height, width, channels, outHeight, outWidth],
        ...[filterHeight, filterWidth, strideY, strideX, top, left],
      ],
      pieces: batch * outHeight,
      work: results * (filterHeight * filterWidth * 2 + 2),
    },
    gatherJob(maxCode, attributes, address(outputs.output), [address(inputs.outputGradient), winners]),
  ];
};

const maxCode = gatherCode({
  key: 'maxPool2dGradient',
  operands: 2,
  term: ([gradient, winners], { place, tap }, shift) =>
    v128.and(
      v128.load(i32.add(gradient, place), shift),
      i32x4.eq(v128.load(i32.add(winners, place), shift), i32x4.splat(tap)),
    ),
});

/** The first largest place of each window, counted row by row as if all of it were inside the image. */
const winnersCode: Code = singleFunction('maxPool2d winners', ({ f, first, end }) => {
  const parameter = () => f.parameter('i32');
  const [input, output, height, width, channels, outHeight, outWidth] = [1, 2, 3, 4, 5, 6, 7].map(parameter);
  const [filterHeight, filterWidth, strideY, strideX, top, left] = [1, 2, 3, 4, 5, 6].map(parameter);
  const pixelBytes = f.let(i32.shl(channels, 2));
  const target = f.let(i32.add(output, i32.mul(i32.mul(first, outWidth), pixelBytes)));
  f.forRange(first, end, 1, (row) => {
    const y = f.let(i32.sub(i32.mul(i32.remU(row, outHeight), strideY), top));
    const rows = clampWindow(f, y, filterHeight, height);
    const image = f.let(i32.mul(i32.divU(row, outHeight), height));
    f.forRange(0, outWidth, 1, (column) => {
      const x = f.let(i32.sub(i32.mul(column, strideX), left));
      const columns = clampWindow(f, x, filterWidth, width);
      f.forRange(0, channels, 4, (channel) => {
        const channelBytes = f.let(i32.shl(channel, 2));
        const best = f.let<'v128'>(f32x4.const(Number.NEGATIVE_INFINITY));
        const firstTap = i32.add(i32.mul(i32.sub(rows.from, y), filterWidth), i32.sub(columns.from, x));
        const winner = f.let(i32x4.splat(firstTap));
        f.forRange(rows.from, rows.to, 1, (i) => {
          const pixel = i32.add(i32.mul(i32.add(image, i), width), columns.from);
          const source = f.let(i32.add(input, i32.add(i32.mul(pixel, pixelBytes), channelBytes)));
          const tapRow = f.let(i32.sub(i32.mul(i32.sub(i, y), filterWidth), x));
          f.forRange(columns.from, columns.to, 1, (j) => {
            const value = f.let(v128.load(source));
            const isLarger = f.let(f32x4.gt(value, best));
            f.set(winner, v128.bitselect(i32x4.splat(i32.add(tapRow, j)), winner, isLarger));
            f.set(best, v128.bitselect(value, best, isLarger));
            f.advance(source, pixelBytes);
          });
        });
        storeFirst(f, f.let(i32.add(target, channelBytes)), winner, f.let(i32.sub(channels, channel)));
      });
      f.advance(target, pixelBytes);
    });
  });
});
