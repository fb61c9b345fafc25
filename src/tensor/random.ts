/** A seeded stream of random numbers; the same seed gives the same numbers on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform in [low, high). */
  between(low: number, high: number): number;
  /** A whole number from 0 to n - 1. */
  below(n: number): number;
  /** Normally distributed with mean 0 and variance 1. */
  normal(): number;
  /** An independent stream, determined by this one's state. */
  fork(): Random;
  /** Four 32-bit words from which `randomFromState` continues exactly. */
  state(): RandomState;
}

export type RandomState = readonly [number, number, number, number];

/** xoshiro128** (Blackman and Vigna 2018), its state filled from the seed by splitmix32. */
export function random(seed: number): Random {
  let z = seed >>> 0;
  const word = () => {
    z = (z + 0x9e3779b9) >>> 0;
    let t = z ^ (z >>> 16);
    t = Math.imul(t, 0x21f0aaad);
    t ^= t >>> 15;
    t = Math.imul(t, 0x735a2d97);
    return (t ^ (t >>> 15)) >>> 0;
  };
  return randomFromState([word(), word(), word(), word()]);
}

/**
 * A stream of its own for each place, given by whole numbers: `stream(seed, epoch)`, `stream(seed, step, image)`. Whoever
 * knows the place has its numbers, without having drawn those before.
 */
export function stream(seed: number, ...place: readonly number[]): Random {
  const [a, b, c, d] = [0, 1, 2, 3].map((word) =>
    place.reduce((hash, part) => mix(hash ^ mix(part)), mix(seed + word)),
  );
  return randomFromState([a, b, c, d]);
}

/** splitmix32's step: neighbouring numbers come out far apart. */
function mix(value: number): number {
  let z = (value + 0x9e3779b9) >>> 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}

export function randomFromState([a0, b0, c0, d0]: RandomState): Random {
  let [a, b, c, d] = [a0, b0, c0, d0];
  const rotate = (x: number, k: number) => (x << k) | (x >>> (32 - k));
  const bits = () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotate(d, 11);
    return result;
  };
  const next = () => (bits() * 2 ** 21 + (bits() >>> 11)) / 2 ** 53;
  return {
    next,
    between: (low, high) => low + (high - low) * next(),
    below: (n) => Math.floor(n * next()),
    // Box and Muller 1958; 1 - next() is never 0.
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    fork: () => random(bits()),
    state: () => [a, b, c, d],
  };
}
