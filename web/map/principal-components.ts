/*
 * The directions along which points differ most (Pearson 1901, Hotelling 1933).
 *
 * n points x_i of d numbers have the mean m. Seen along a direction u, |u| = 1, they have the variance
 *
 *   v(u) = 1 / (n - 1) * sum_i (u . (x_i - m))^2 = u' C u,
 *   C(j, k) = 1 / (n - 1) * sum_i (x_i(j) - m(j)) * (x_i(k) - m(k)).
 *
 * Where v is largest among all directions, the gradient of u' C u - l (u' u - 1) is zero: 2 C u - 2 l u = 0. So u is an
 * eigenvector of C, and v(u) = u' l u = l is its eigenvalue: the largest of all. The second direction is the best of
 * those at right angles to the first, and so on. In these directions the points are uncorrelated, and their variances
 * add up to the sum of C's diagonal, the variance that there is at all: the share of it that a map of two shows is
 * (l_1 + l_2) / (C(1, 1) + ... + C(d, d)).
 */

export interface PrincipalComponents {
  mean: Float64Array;
  /** Of all directions, the largest first. */
  variances: number[];
  /** As many as were asked for, each of length 1, in the same order. */
  directions: Float64Array[];
}

/** @param points at least one, all of the same dimension d; `count` is at most d */
export function principalComponents(points: readonly ArrayLike<number>[], count: number): PrincipalComponents {
  const dimension = points[0].length;
  const mean = new Float64Array(dimension);
  for (const point of points) for (let j = 0; j < dimension; j++) mean[j] += point[j] / points.length;
  const { values, vectors } = eigenOfSymmetric(covariance(points, mean), dimension);
  const order = Array.from(values, (_, k) => k).sort((a, b) => values[b] - values[a]);
  return {
    mean,
    variances: order.map((k) => Math.max(0, values[k])), // C has none below 0, but rounding may
    directions: order
      .slice(0, count)
      .map((k) => pointedUp(Float64Array.from({ length: dimension }, (_, j) => vectors[j * dimension + k]))),
  };
}

/** A point's coordinates along the directions. */
export const project = (point: ArrayLike<number>, { mean, directions }: PrincipalComponents): number[] =>
  directions.map((direction) => direction.reduce((sum, value, j) => sum + value * (point[j] - mean[j]), 0));

/** The share of the variance along the first so many directions, 0 to 1; NaN of points that are all the same. */
export function explained({ variances }: PrincipalComponents, count: number): number {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return sum(variances.slice(0, count)) / sum(variances);
}

/** [d, d]; of a single point all zeros. */
function covariance(points: readonly ArrayLike<number>[], mean: Float64Array): Float64Array {
  const dimension = mean.length;
  const matrix = new Float64Array(dimension * dimension);
  const apart = new Float64Array(dimension);
  for (const point of points) {
    for (let j = 0; j < dimension; j++) apart[j] = point[j] - mean[j];
    for (let j = 0; j < dimension; j++)
      for (let k = 0; k < dimension; k++) matrix[j * dimension + k] += apart[j] * apart[k];
  }
  return matrix.map((value) => value / Math.max(1, points.length - 1));
}

/** u and -u are as good as each other: the one whose largest number is positive, so that a map is not mirrored at whim. */
function pointedUp(direction: Float64Array): Float64Array {
  const largest = direction.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
  return largest < 0 ? direction.map((value) => -value) : direction;
}

/** Each sweep squares what is left off the diagonal, near the end: eight or nine are enough. */
const MOST_SWEEPS = 30;
const NEGLIGIBLE = 1e-22;

/**
 * Eigenvalues and eigenvectors of a symmetric matrix A by Jacobi's rotations (1846). Turning the coordinates p and q by
 * an angle, A' = J' A J, changes rows and columns p and q only, and
 *
 *   A'(p, q) = (cos^2 - sin^2) A(p, q) + cos sin (A(p, p) - A(q, q))
 *
 * is zero where t = tan solves t^2 + 2 r t - 1 = 0 with r = (A(q, q) - A(p, p)) / (2 A(p, q)). The smaller root turns by
 * 45 degrees at most: t = sign(r) / (|r| + sqrt(r^2 + 1)). What is squared and added up over the whole matrix stays the
 * same under rotation, and the diagonal gains 2 A(p, q)^2 of it: so the rest dwindles, pair after pair, sweep after
 * sweep, until A is diagonal. The product of all J has the eigenvectors as its columns.
 *
 * @param matrix [size, size]; it is not changed
 * @returns values on the diagonal, in no order, and [size, size] vectors, each a column
 */
export function eigenOfSymmetric(matrix: Float64Array, size: number): { values: Float64Array; vectors: Float64Array } {
  const a = matrix.slice();
  const vectors = new Float64Array(size * size);
  for (let k = 0; k < size; k++) vectors[k * size + k] = 1;
  const whole = a.reduce((sum, value) => sum + value * value, 0);
  for (let sweep = 0; sweep < MOST_SWEEPS && offDiagonal(a, size) > NEGLIGIBLE * whole; sweep++)
    for (let p = 0; p < size; p++)
      for (let q = p + 1; q < size; q++) {
        const apq = a[p * size + q];
        if (apq === 0) continue;
        const r = (a[q * size + q] - a[p * size + p]) / (2 * apq);
        const t = (r < 0 ? -1 : 1) / (Math.abs(r) + Math.hypot(r, 1));
        const cosine = 1 / Math.hypot(t, 1);
        rotateColumns(a, size, [p, q], cosine, t * cosine);
        rotateRows(a, size, [p, q], cosine, t * cosine);
        rotateColumns(vectors, size, [p, q], cosine, t * cosine);
      }
  return { values: Float64Array.from({ length: size }, (_, k) => a[k * size + k]), vectors };
}

function offDiagonal(a: Float64Array, size: number): number {
  let sum = 0;
  for (let p = 0; p < size; p++) for (let q = 0; q < size; q++) if (p !== q) sum += a[p * size + q] ** 2;
  return sum;
}

/** A J: in each row, what stands in columns p and q. */
function rotateColumns(a: Float64Array, size: number, [p, q]: readonly [number, number], cosine: number, sine: number) {
  for (let row = 0; row < size * size; row += size) {
    const [x, y] = [a[row + p], a[row + q]];
    a[row + p] = cosine * x - sine * y;
    a[row + q] = sine * x + cosine * y;
  }
}

/** J' A: in each column, what stands in rows p and q. */
function rotateRows(a: Float64Array, size: number, [p, q]: readonly [number, number], cosine: number, sine: number) {
  for (let column = 0; column < size; column++) {
    const [x, y] = [a[p * size + column], a[q * size + column]];
    a[p * size + column] = cosine * x - sine * y;
    a[q * size + column] = sine * x + cosine * y;
  }
}
