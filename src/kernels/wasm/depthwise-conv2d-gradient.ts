import type { KernelCall } from '../kernel';
import { type FunctionBuilder, f32x4, i32, type Local, v128 } from './assembler';
import { gatherCode, gatherJob } from './covering-windows';
import { type Code, type Job, type Planning, singleFunction } from './job';
import { storeFirst } from './runs';

export const depthwiseConv2dInputGradient = (
  { inputs, outputs, attributes }: KernelCall<'depthwiseConv2dInputGradient'>,
  { address }: Planning,
): Job[] => [
  gatherJob(inputCode, attributes, address(outputs.output), [inputs.outputGradient, inputs.filter].map(address)),
];

const inputCode = gatherCode({
  key: 'depthwiseConv2dInputGradient',
  operands: 2,
  term: ([gradient, filter], { place, weight }, shift) =>
    f32x4.mul(v128.load(i32.add(gradient, place), shift), v128.load(i32.add(filter, weight), shift)),
});

/** Channels of a piece. */
const VECTORS = 4;
const CHANNELS = VECTORS * 4;

/** A piece is a place of the filter and sixteen channels: the sum over all windows whose place is inside the image. */
export const depthwiseConv2dFilterGradient = (
  { inputs, outputs, attributes }: KernelCall<'depthwiseConv2dFilterGradient'>,
  { address }: Planning,
): Job[] => {
  const { batch, height, width, channels, outHeight, outWidth, filterHeight, filterWidth } = attributes;
  const { strideY, strideX, top, left } = attributes;
  return [
    {
      code: filterCode,
      arguments: [
        ...[inputs.input, inputs.outputGradient, outputs.output].map(address),
        ...[batch, height, width, channels, outHeight, outWidth, filterWidth, strideY, strideX, top, left],
      ],
      pieces: filterHeight * filterWidth * Math.ceil(channels / CHANNELS),
      work: batch * outHeight * outWidth * channels * filterHeight * filterWidth,
    },
  ];
};

const filterCode: Code = singleFunction('depthwiseConv2dFilterGradient', ({ f, first, end }) => {
  const parameter = () => f.parameter('i32');
  const [input, gradient, output, batch, height, width, channels] = [1, 2, 3, 4, 5, 6, 7].map(parameter);
  const [outHeight, outWidth, filterWidth, strideY, strideX, top, left] = [1, 2, 3, 4, 5, 6, 7].map(parameter);
  const pixelBytes = f.let(i32.shl(channels, 2));
  const stepBytes = f.let(i32.mul(strideX, pixelBytes));
  const blocks = f.let(i32.divU(i32.add(channels, CHANNELS - 1), CHANNELS));
  f.forRange(first, end, 1, (piece) => {
    const tap = f.let(i32.divU(piece, blocks));
    const channel = f.let(i32.mul(i32.remU(piece, blocks), CHANNELS));
    const channelBytes = f.let(i32.shl(channel, 2));
    const y = f.let(i32.sub(i32.divU(tap, filterWidth), top));
    const x = f.let(i32.sub(i32.remU(tap, filterWidth), left));
    const rows = insideRange(f, y, strideY, height, outHeight);
    const columns = insideRange(f, x, strideX, width, outWidth);
    const totals = [...Array(VECTORS)].map(() => f.let<'v128'>(f32x4.const(0)));
    f.forRange(0, batch, 1, (image) => {
      f.forRange(rows.from, rows.to, 1, (i) => {
        const row = i32.add(i32.mul(image, height), i32.add(i32.mul(i, strideY), y));
        const pixel = i32.add(i32.mul(row, width), i32.add(i32.mul(columns.from, strideX), x));
        const source = f.let(i32.add(input, i32.add(i32.mul(pixel, pixelBytes), channelBytes)));
        const window = i32.add(i32.mul(i32.add(i32.mul(image, outHeight), i), outWidth), columns.from);
        const other = f.let(i32.add(gradient, i32.add(i32.mul(window, pixelBytes), channelBytes)));
        // A row is summed by itself: short sums lose less.
        const sums = totals.map(() => f.let<'v128'>(f32x4.const(0)));
        f.forRange(columns.from, columns.to, 1, () => {
          sums.forEach((sum, v) => {
            f.set(sum, f32x4.add(sum, f32x4.mul(v128.load(source, v * 16), v128.load(other, v * 16))));
          });
          f.advance(source, stepBytes);
          f.advance(other, pixelBytes);
        });
        totals.forEach((total, v) => {
          f.set(total, f32x4.add(total, sums[v]));
        });
      });
    });
    const target = f.let(i32.add(output, i32.add(i32.mul(tap, pixelBytes), channelBytes)));
    const channelsLeft = f.let(i32.sub(channels, channel));
    totals.forEach((total) => {
      f.when(i32.gtS(channelsLeft, 0), () => storeFirst(f, target, total, channelsLeft));
      f.advance(target, 16);
      f.set(channelsLeft, i32.sub(channelsLeft, 4));
    });
  });
});

/** The windows [from, to) for which window * stride + start lies in [0, length). */
const insideRange = (
  f: FunctionBuilder,
  start: Local<'i32'>,
  stride: Local<'i32'>,
  length: Local<'i32'>,
  windows: Local<'i32'>,
): { from: Local<'i32'>; to: Local<'i32'> } => {
  /** The first window at or behind the position. */
  const reaching = (distance: Local<'i32'>): Local<'i32'> =>
    f.let(i32.divU(i32.sub(i32.add(i32.max(distance, 0), stride), 1), stride));
  const from = reaching(f.let(i32.sub(0, start)));
  const to = reaching(f.let(i32.sub(length, start)));
  f.set(to, i32.min(to, windows));
  return { from, to };
};
