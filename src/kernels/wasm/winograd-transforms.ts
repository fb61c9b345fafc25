/**
 * Winograd's minimal filtering F(m x m, 3 x 3): the m x m results of a tile are A'((G g G')(B' d B))A, with the product
 * in the middle number by number and G g G' made once. That is: polynomials are evaluated at some points, multiplied
 * there, and the product is found again from its values. The points are 0, plus and minus some numbers, and infinity.
 *
 * The plain sum takes 9 multiplications for a result, m = 2 takes 4, m = 4 takes 2.25 and m = 6 takes 1.78. The larger
 * m, the larger the factors and the error: against float64, of the largest result, 32 to 512 channels, the plain sum
 * in float32 has 0.6e-6 to 1.7e-6, m = 4 0.7e-6 to 4e-6, m = 6 about 1e-5.
 */
import { type FunctionBuilder, f32x4, type Local, plusProduct, type V128, v128 } from './assembler';
import type { Planning } from './job';

export type Column = readonly Local<'v128'>[];

/** The arithmetic of a machine that fuses, or does not. */
export interface Arithmetic {
  /** value * factor + sum. */
  multiplyAdd(value: V128, factor: number, sum: V128): Local<'v128'>;
  multiply(value: V128, factor: number): Local<'v128'>;
  add(left: V128, right: V128): Local<'v128'>;
  subtract(left: V128, right: V128): Local<'v128'>;
}

/** Where a scheme's factors lie in the memory. */
export const factorTable = ({ factors }: Scheme, planning: Planning): number =>
  planning.table(`factors ${factors.join(' ')}`, () => new Int32Array(new Float32Array(factors).buffer));

/**
 * The factors are loaded here, once: V8 makes a constant in a vector anew wherever it stands, of four or more
 * instructions.
 */
export const arithmeticOf = (
  f: FunctionBuilder,
  fused: boolean,
  { factors }: Scheme,
  table: Local<'i32'>,
): Arithmetic => {
  const loaded = new Map(factors.map((factor, k) => [factor, f.let(v128.loadSplat(table, k * 4))]));
  const factorOf = (factor: number): Local<'v128'> => {
    const local = loaded.get(factor);
    if (!local) throw new Error(`winograd: ${factor} is none of the factors`);
    return local;
  };
  return {
    multiplyAdd: (value, factor, sum) => f.let(plusProduct(sum, value, factorOf(factor), fused)),
    multiply: (value, factor) => f.let(f32x4.mul(value, factorOf(factor))),
    add: (left, right) => f.let(f32x4.add(left, right)),
    subtract: (left, right) => f.let(f32x4.sub(left, right)),
  };
};

export interface Scheme {
  /** Results and numbers of a tile's side. */
  readonly results: number;
  readonly side: number;
  /** All that the transforms of tiles multiply with. */
  readonly factors: readonly number[];
  /** G. */
  readonly filter: readonly (readonly number[])[];
  /** B' and A', on a column of numbers. */
  input(arithmetic: Arithmetic, column: Column): Column;
  output(arithmetic: Arithmetic, column: Column): Column;
}

type Term = readonly [factor: number, value: Local<'v128'>];

/** The sum of the terms, in as few operations as their factors allow. */
const combine = ({ multiplyAdd, multiply, add, subtract }: Arithmetic, terms: readonly Term[]): Local<'v128'> => {
  const plain = terms.findIndex(([factor]) => factor === 1);
  const start = Math.max(plain, 0);
  const [factor, value] = terms[start];
  const others = terms.filter((_, k) => k !== start);
  return others.reduce(
    (sum, [times, next]) =>
      times === 1 ? add(sum, next) : times === -1 ? subtract(sum, next) : multiplyAdd(next, times, sum),
    plain >= 0 ? value : multiply(value, factor),
  );
};

/** Coefficients of the product of (x - root), the constant first. */
const polynomial = (roots: readonly number[]): number[] => {
  let coefficients = [1];
  for (const root of roots)
    coefficients = [0, ...coefficients].map((value, k) => value - root * (coefficients[k] ?? 0));
  return coefficients;
};

/**
 * The scheme with the points 0, plus and minus each of the given ones, and infinity. Because points come in pairs, even
 * and odd powers are summed by themselves, once for both of a pair.
 */
const schemeOf = (points: readonly number[]): Scheme => {
  const squares = points.map((point) => point ** 2);
  const side = 2 * points.length + 2;
  const results = 2 * points.length;
  const all = polynomial(squares);
  const others = squares.map((square) => polynomial(squares.filter((other) => other !== square)));
  const filter = [
    [1 / all[0], 0, 0],
    ...points.flatMap((point, k) => {
      const scale = squares.reduce((product, other, j) => (j === k ? product : product * (squares[k] - other)), 1);
      return [point, -point].map((x) => [1, x, x ** 2].map((power) => power / (2 * squares[k] * scale)));
    }),
    [0, 0, 1],
  ];
  const powers = points.flatMap((point) => [...Array(results).keys()].map((k) => point ** k));
  const factors = [...all, ...others.flat(), ...points.flatMap((point) => [point, -point]), ...powers];
  return {
    ...{ results, side, filter },
    factors: [...new Set(factors)],
    input(arithmetic, column) {
      /** Every second number from the first on. */
      const sum = (coefficients: readonly number[], first: number): Local<'v128'> =>
        combine(
          arithmetic,
          coefficients.map((coefficient, k): Term => [coefficient, column[first + 2 * k]]),
        );
      const pairs = points.flatMap((point, k) => {
        const even = sum(others[k], 2);
        const odd = sum(others[k], 1);
        return [point, -point].map((x) =>
          combine(arithmetic, [
            [1, even],
            [x, odd],
          ]),
        );
      });
      return [sum(all, 0), ...pairs, sum(all, 1)];
    },
    output(arithmetic, column) {
      const pairs = points.map((_, k) => [column[2 * k + 1], column[2 * k + 2]]);
      const sums = pairs.map(([plus, minus]) => arithmetic.add(plus, minus));
      const differences = pairs.map(([plus, minus]) => arithmetic.subtract(plus, minus));
      return [...Array(results).keys()].map((power) => {
        const terms = (power % 2 === 0 ? sums : differences).map((value, k): Term => [points[k] ** power, value]);
        if (power === 0) terms.unshift([1, column[0]]);
        if (power === results - 1) terms.unshift([1, column[side - 1]]);
        return combine(arithmetic, terms);
      });
    },
  };
};

export const TWO = schemeOf([1]);
/** With the usual points, 1 and 2, the error is three times what it is with these, which lie evenly around 1. */
export const FOUR = schemeOf([Math.SQRT1_2, Math.SQRT2]);
export const SIX = schemeOf([1, 2, 1 / 2]);

/** A square of numbers, column by column and then row by row. `square[i][j]` has row i and column j. */
export const bothWays = (square: readonly Column[], transform: (column: Column) => Column): readonly Column[] => {
  const turned = (rows: readonly Column[]): Column[] => rows[0].map((_, j) => rows.map((row) => row[j]));
  return turned(turned(square).map(transform)).map(transform);
};
