import { type Expression, type F64, type FunctionBuilder, f32, f32x4, f64, i32, type Local, v128 } from './assembler';
import { storeFirst } from './runs';

/** One of the pixels that a bilinear sample is made of. */
export interface Corner {
  address: Local<'i32'>;
  weight: F64;
}

/** Stores the weighted sum of four pixels of `channels` numbers at target. */
export const blendCorners = (
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

export const oneMinus = (value: F64): F64 => f64.sub(f64.const(1), value);
