import type { KernelCall } from '../kernel';
import { type FunctionBuilder, f32, f32x4, f64, i32, type Local, type V128, v128 } from './assembler';
import { type Code, type Job, type Planning, singleFunction } from './job';
import { storeFirst } from './runs';

/** An entry of the table of columns: byte offsets of the two neighbours in a row, and how far between them. */
const ENTRY_BYTES = 12;

/** Where the columns look is the same in every row: a first job writes it down. */
export const resizeBilinear = (
  { inputs, outputs, attributes }: KernelCall<'resizeBilinear'>,
  planning: Planning,
): Job[] => {
  const { batch, height, width, channels, outHeight, outWidth } = attributes;
  const columns = planning.scratch(outWidth * ENTRY_BYTES);
  const images = [planning.address(inputs.input), planning.address(outputs.output)];
  return [
    {
      code: columnsCode,
      arguments: [columns, width, channels, outWidth],
      pieces: outWidth,
      work: outWidth * 16,
      once: true,
    },
    {
      code: rowsCode,
      arguments: [...images, columns, height, width, channels, outHeight, outWidth],
      pieces: batch * outHeight,
      work: batch * outHeight * outWidth * (channels + 4) * 4,
    },
  ];
};

/** Where output place `at` looks along one axis, in double precision: far from 0 a float32 has no digits to spare. */
const lookAt = (f: FunctionBuilder, at: Local<'i32'>, size: Local<'i32'>, outSize: Local<'i32'>) => {
  const last = f.let(i32.sub(size, 1));
  const middle = f64.mul(f64.add(f64.fromI32(at), f64.const(0.5)), f64.fromI32(size));
  const place = f64.sub(f64.div(middle, f64.fromI32(outSize)), f64.const(0.5));
  const clamped = f.let(f64.min(f64.max(place, f64.const(0)), f64.fromI32(last)));
  const before = f.let(i32.truncF64(clamped));
  const next = f.let(i32.add(before, 1));
  const between = f32.fromF64(f64.sub(clamped, f64.fromI32(before)));
  return { before, after: f.let(i32.min(next, last)), between };
};

const columnsCode: Code = singleFunction('resizeBilinear columns', ({ f, first, end }) => {
  const [table, width, channels, outWidth] = [1, 2, 3, 4].map(() => f.parameter('i32'));
  const pixelBytes = f.let(i32.shl(channels, 2));
  f.forRange(first, end, 1, (column) => {
    const entry = f.let(i32.add(table, i32.mul(column, ENTRY_BYTES)));
    const { before, after, between } = lookAt(f, column, width, outWidth);
    f.storeI32(entry, i32.mul(before, pixelBytes));
    f.storeI32(entry, i32.mul(after, pixelBytes), 4);
    f.storeF32(entry, between, 8);
  });
});

const rowsCode: Code = singleFunction('resizeBilinear rows', ({ f, first, end }) => {
  const [input, output, columns, height, width, channels, outHeight, outWidth] = [1, 2, 3, 4, 5, 6, 7, 8].map(() =>
    f.parameter('i32'),
  );
  const pixelBytes = f.let(i32.shl(channels, 2));
  const target = f.let(i32.add(output, i32.mul(i32.mul(first, outWidth), pixelBytes)));
  f.forRange(first, end, 1, (row) => {
    const y = lookAt(f, f.let(i32.remU(row, outHeight)), height, outHeight);
    const down = f.let(f32x4.splat(y.between));
    const imageRow = f.let(i32.mul(i32.divU(row, outHeight), height));
    const rowAddress = (inImage: Local<'i32'>) =>
      f.let(i32.add(input, i32.mul(i32.mul(i32.add(imageRow, inImage), width), pixelBytes)));
    const upper = rowAddress(y.before);
    const lower = rowAddress(y.after);
    const entry = f.let(columns);
    f.forRange(0, outWidth, 1, () => {
      const before = f.let(i32.load(entry));
      const after = f.let(i32.load(entry, 4));
      const across = f.let(v128.loadSplat(entry, 8));
      f.forRange(0, channels, 4, (channel) => {
        const at = f.let(i32.shl(channel, 2));
        const pixel = (line: Local<'i32'>, inLine: Local<'i32'>) =>
          f.let(v128.load(i32.add(line, i32.add(inLine, at))));
        const mix = (left: V128, right: V128, share: V128) => f32x4.add(left, f32x4.mul(f32x4.sub(right, left), share));
        const above = f.let(mix(pixel(upper, before), pixel(upper, after), across));
        const below = f.let(mix(pixel(lower, before), pixel(lower, after), across));
        storeFirst(f, f.let(i32.add(target, at)), mix(above, below, down), f.let(i32.sub(channels, channel)));
      });
      f.advance(target, pixelBytes);
      f.advance(entry, ENTRY_BYTES);
    });
  });
});
