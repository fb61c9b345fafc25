import type { Numbers } from '../../src/kernels/backend';

export interface Statistics {
  mean: number;
  /** The root of the mean squared distance to the mean. */
  deviation: number;
  min: number;
  max: number;
  /** Share of numbers that are exactly 0, from 0 to 1. */
  zeros: number;
  /** All but one in 200 numbers are no larger, signs left out: what a picture shows at full colour. */
  range: number;
}

/** @throws Error when there are no numbers */
export function statisticsOf(values: Numbers): Statistics {
  if (values.length === 0) throw new Error('there is nothing to tell of no numbers');
  let [sum, zeros, min, max] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    sum += value;
    if (value === 0) zeros++;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  const sizes = Float64Array.from(values, Math.abs).sort();
  return {
    mean,
    deviation: Math.sqrt(squares / values.length),
    min,
    max,
    zeros: zeros / values.length,
    range: sizes[Math.floor(0.995 * (sizes.length - 1))] || sizes[sizes.length - 1],
  };
}
