import type { Activation } from '../kernel';
import { type FunctionBuilder, f32x4, type V128, v128 } from './assembler';

/** f(z) = min(ceiling, z > 0 ? z : slope * z) in as few instructions as the two numbers allow. */
export const emitActivation = (f: FunctionBuilder, value: V128, { slope, ceiling }: Activation): V128 => {
  const bent = emitSlope(f, value, slope);
  // pmin takes the second only where it is smaller, so NaN stays NaN.
  return ceiling === Number.POSITIVE_INFINITY ? bent : f32x4.pmin(bent, f32x4.const(ceiling));
};

const emitSlope = (f: FunctionBuilder, value: V128, slope: number): V128 => {
  if (slope === 1) return value;
  if (slope === 0) return f32x4.pmax(value, f32x4.const(0));
  const z = f.let(value);
  const scaled = f32x4.mul(z, f32x4.const(slope));
  // Up to slope 1 the larger of the two is the right one.
  if (slope > 0 && slope < 1) return f32x4.pmax(z, scaled);
  return v128.bitselect(z, scaled, f32x4.gt(z, f32x4.const(0)));
};
