import type { KernelCall } from '../kernel';
import { type FunctionBuilder, f64, i32, type Local } from './assembler';
import { blendCorners, oneMinus } from './blend';
import { type Code, type Job, type Planning, singleFunction } from './job';

export const resizeBilinear = (
  { inputs, outputs, attributes }: KernelCall<'resizeBilinear'>,
  { address }: Planning,
): Job[] => {
  const { batch, height, width, channels, outHeight, outWidth } = attributes;
  return [
    {
      code,
      arguments: [address(inputs.input), address(outputs.output), height, width, channels, outHeight, outWidth],
      pieces: batch * outHeight,
      work: batch * outHeight * outWidth * (channels + 4) * 8,
    },
  ];
};

/** Where output place `at` looks along one axis: two neighbours and how far between them, in double precision. */
const lookAt = (f: FunctionBuilder, at: Local<'i32'>, size: Local<'i32'>, outSize: Local<'i32'>) => {
  const last = f.let(i32.sub(size, 1));
  const middle = f64.mul(f64.add(f64.fromI32(at), f64.const(0.5)), f64.fromI32(size));
  const place = f64.sub(f64.div(middle, f64.fromI32(outSize)), f64.const(0.5));
  const clamped = f.let(f64.min(f64.max(place, f64.const(0)), f64.fromI32(last)));
  const before = f.let(i32.truncF64(clamped));
  const next = f.let(i32.add(before, 1));
  return { before, after: f.let(i32.min(next, last)), between: f.let(f64.sub(clamped, f64.fromI32(before))) };
};

const code: Code = singleFunction('resizeBilinear', ({ f, first, end }) => {
  const [input, output, height, width, channels, outHeight, outWidth] = [1, 2, 3, 4, 5, 6, 7].map(() =>
    f.parameter('i32'),
  );
  const pixelBytes = f.let(i32.shl(channels, 2));
  const target = f.let(i32.add(output, i32.mul(i32.mul(first, outWidth), pixelBytes)));
  f.forRange(first, end, 1, (row) => {
    const y = lookAt(f, f.let(i32.remU(row, outHeight)), height, outHeight);
    const imageRow = f.let(i32.mul(i32.divU(row, outHeight), height));
    const rowAddress = (inImage: Local<'i32'>) =>
      f.let(i32.add(input, i32.mul(i32.mul(i32.add(imageRow, inImage), width), pixelBytes)));
    const upper = rowAddress(y.before);
    const lower = rowAddress(y.after);
    f.forRange(0, outWidth, 1, (column) => {
      const x = lookAt(f, column, width, outWidth);
      const pixel = (line: Local<'i32'>, inRow: Local<'i32'>) => f.let(i32.add(line, i32.mul(inRow, pixelBytes)));
      blendCorners(f, target, channels, [
        { address: pixel(upper, x.before), weight: f64.mul(oneMinus(y.between), oneMinus(x.between)) },
        { address: pixel(upper, x.after), weight: f64.mul(oneMinus(y.between), x.between) },
        { address: pixel(lower, x.before), weight: f64.mul(y.between, oneMinus(x.between)) },
        { address: pixel(lower, x.after), weight: f64.mul(y.between, x.between) },
      ]);
      f.advance(target, pixelBytes);
    });
  });
});
