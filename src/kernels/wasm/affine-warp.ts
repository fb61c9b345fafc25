import type { KernelCall } from '../kernel';
import { type Expression, type F64, type FunctionBuilder, f32, f32x4, f64, i32, type Local, v128 } from './assembler';
import { type Code, type Job, type Planning, singleFunction } from './job';
import { storeFirst } from './runs';

export const affineWarp = ({ inputs, outputs, attributes }: KernelCall<'affineWarp'>, planning: Planning): Job[] => {
  const { batch, height, width, channels, outHeight, outWidth } = attributes;
  return [
    {
      code,
      arguments: [
        planning.address(inputs.image),
        planning.address(inputs.matrices),
        planning.address(outputs.output),
        // What lies outside the image is read from here.
        planning.table(`zeros ${channels}`, () => new Int32Array(channels)),
        ...[height, width, channels, outHeight, outWidth],
      ],
      pieces: batch * outHeight,
      work: batch * outHeight * outWidth * (channels + 4) * 8,
    },
  ];
};

/** One of the pixels that a bilinear sample is made of. */
interface Corner {
  address: Local<'i32'>;
  weight: F64;
}

/** Stores the weighted sum of four pixels of `channels` numbers at target. */
const blendCorners = (
  f: FunctionBuilder,
  target: Expression<'i32'>,
  channels: Local<'i32'>,
  corners: readonly Corner[],
): void => {
  const weights = corners.map(({ weight }) => f.let(f32x4.splat(f32.fromF64(weight))));
  f.forRange(0, channels, 4, (channel) => {
    const at = f.let(i32.shl(channel, 2));
    const [first, ...others] = corners.map(({ address }, k) => f32x4.mul(v128.load(i32.add(address, at)), weights[k]));
    const sum = others.reduce((total, term) => f32x4.add(total, term), first);
    storeFirst(f, f.let(i32.add(target, at)), sum, f.let(i32.sub(channels, channel)));
  });
};

const oneMinus = (value: F64): F64 => f64.sub(f64.const(1), value);

/** Places are computed in double precision: far from the origin a float32 has no digits left for the fraction. */
const code: Code = singleFunction('affineWarp', ({ f, first, end }) => {
  const [image, matrices, output, zeros] = [1, 2, 3, 4].map(() => f.parameter('i32'));
  const [height, width, channels, outHeight, outWidth] = [1, 2, 3, 4, 5].map(() => f.parameter('i32'));
  const pixelBytes = f.let(i32.shl(channels, 2));
  const target = f.let(i32.add(output, i32.mul(i32.mul(first, outWidth), pixelBytes)));
  f.forRange(first, end, 1, (row) => {
    const matrix = f.let(i32.add(matrices, i32.mul(i32.divU(row, outHeight), 24)));
    const m = [0, 1, 2, 3, 4, 5].map((k) => f.let(f64.fromF32(f32.load(matrix, k * 4))));
    const i = f.let(f64.fromI32(i32.remU(row, outHeight)));
    f.forRange(0, outWidth, 1, (column) => {
      const j = f.let(f64.fromI32(column));
      const place = (k: number) => f.let(f64.add(f64.add(f64.mul(m[k], j), f64.mul(m[k + 1], i)), m[k + 2]));
      const x = place(0);
      const y = place(3);
      const left = f.let(i32.truncF64(f64.floor(x)));
      const top = f.let(i32.truncF64(f64.floor(y)));
      const right = f.let(i32.add(left, 1));
      const bottom = f.let(i32.add(top, 1));
      const across = f.let(f64.sub(x, f64.floor(x)));
      const down = f.let(f64.sub(y, f64.floor(y)));
      // Compared as unsigned numbers, negative ones are large.
      const pixel = (line: Local<'i32'>, inLine: Local<'i32'>) =>
        f.let(
          i32.select(
            i32.and(i32.ltU(line, height), i32.ltU(inLine, width)),
            i32.add(image, i32.mul(i32.add(i32.mul(line, width), inLine), pixelBytes)),
            zeros,
          ),
        );
      blendCorners(f, target, channels, [
        { address: pixel(top, left), weight: f64.mul(oneMinus(down), oneMinus(across)) },
        { address: pixel(top, right), weight: f64.mul(oneMinus(down), across) },
        { address: pixel(bottom, left), weight: f64.mul(down, oneMinus(across)) },
        { address: pixel(bottom, right), weight: f64.mul(down, across) },
      ]);
      f.advance(target, pixelBytes);
    });
  });
});
