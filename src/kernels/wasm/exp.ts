import { type FunctionBuilder, f32x4, i32x4, type V128 } from './assembler';

/** r^2 times this polynomial, plus r, plus 1, is exp(r) for |r| <= ln(2) / 2, to the last bit or two of a float32. */
const COEFFICIENTS = [1.9875691e-4, 1.3981999e-3, 8.3334519e-3, 4.1665796e-2, 1.6666665e-1, 5.0000001e-1];
/** ln(2) in two parts: n times the first, which has few bits, is exact, and so is x minus that. */
const LN2_HIGH = 0.693359375;
const LN2_LOW = -2.1219444005469057e-4;
/** Beyond these exp leaves the normal float32 numbers: it stays at their edge. */
const LOWEST = -87.3;
const HIGHEST = 88.3;

/** A number this large has no bits for fractions: adding it rounds, and leaves the whole number in the lowest bits. */
const ROUNDING = 1.5 * 2 ** 23;

/** exp(x) = 2^n * exp(r) with n = x / ln(2) rounded and r what is left; 2^n is made of its bits. */
export const emitExp = (f: FunctionBuilder, value: V128): V128 => {
  const x = f.let(f32x4.pmin(f32x4.pmax(value, f32x4.const(LOWEST)), f32x4.const(HIGHEST)));
  const rounded = f.let(f32x4.add(f32x4.mul(x, f32x4.const(Math.LOG2E)), f32x4.const(ROUNDING)));
  const n = f.let(f32x4.sub(rounded, f32x4.const(ROUNDING)));
  const high = f32x4.sub(x, f32x4.mul(n, f32x4.const(LN2_HIGH)));
  const r = f.let(f32x4.sub(high, f32x4.mul(n, f32x4.const(LN2_LOW))));
  const [first, ...others] = COEFFICIENTS.map(f32x4.const);
  const polynomial = others.reduce((sum, coefficient) => f32x4.add(f32x4.mul(sum, r), coefficient), first);
  const fraction = f32x4.add(f32x4.add(f32x4.mul(polynomial, f32x4.mul(r, r)), r), f32x4.const(1));
  const power = i32x4.shl(i32x4.add(rounded, i32x4.splat(127)), 23);
  return f32x4.mul(fraction, power);
};
