import { type FunctionBuilder, f32x4, i32x4, type Local, type V128, v128 } from './assembler';

/** m^3 times this polynomial, minus m^2 / 2, plus m, is log(1 + m) for 1 + m between sqrt(1/2) and sqrt(2). */
const COEFFICIENTS = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
  2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
];
/** ln(2) in two parts: a small whole number times the first, which has few bits, is exact. */
const LN2_HIGH = 0.693359375;
const LN2_LOW = -2.1219444005469057e-4;
const SQRT_HALF = 0.70710677;

/** log(x) of positive, normal numbers: x = 2^n * (1 + m), both read from the bits. */
export const emitLog = (f: FunctionBuilder, value: V128): V128 => {
  const x = f.let(value);
  // With the exponent of 1/2 in its place the fraction lies in [1/2, 1).
  const fraction = f.let(v128.or(v128.and(x, i32x4.splat(0x007fffff)), i32x4.splat(0x3f000000)));
  const isLow = f.let(f32x4.gt(f32x4.const(SQRT_HALF), fraction));
  const exponent = f32x4.fromI32x4(i32x4.add(i32x4.shrU(x, 23), i32x4.splat(-126)));
  const n = f.let(f32x4.sub(exponent, v128.and(f32x4.const(1), isLow)));
  const m = f.let(f32x4.add(f32x4.sub(fraction, f32x4.const(1)), v128.and(fraction, isLow)));
  const [first, ...others] = COEFFICIENTS.map(f32x4.const);
  const polynomial = others.reduce((sum, coefficient) => f32x4.add(f32x4.mul(sum, m), coefficient), first);
  const square = f.let(f32x4.mul(m, m));
  const cubic = f32x4.mul(f32x4.mul(polynomial, m), square);
  const low = f32x4.add(cubic, f32x4.sub(f32x4.mul(n, f32x4.const(LN2_LOW)), f32x4.mul(square, f32x4.const(0.5))));
  return f32x4.add(f32x4.add(m, low), f32x4.mul(n, f32x4.const(LN2_HIGH)));
};

const [ZERO, INFINITE, MINUS_INFINITE] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map(f32x4.const);

/** log(x) of all numbers: of 0, and of what is too small to be normal, minus infinity; of negative ones not a number. */
export const emitLogOfAny = (f: FunctionBuilder, x: Local<'v128'>): V128 => {
  const isNormal = f32x4.ge(x, f32x4.const(2 ** -126));
  const small = v128.bitselect(MINUS_INFINITE, f32x4.const(Number.NaN), f32x4.ge(x, ZERO));
  const known = f.let(v128.bitselect(emitLog(f, x), small, isNormal));
  return v128.bitselect(x, known, f32x4.ge(x, INFINITE));
};
