import type { Point } from './align';

/** A projective map of the plane, row by row: (x, y) goes to ((ax + by + c) / w, (dx + ey + f) / w), w = gx + hy + i. */
export type Homography = readonly [number, number, number, number, number, number, number, number, number];

/**
 * The projective map that takes each source point to its target, exactly for four pairs, closest in the sense of least
 * squares for more: the direct linear transform (Hartley and Zisserman 2004, section 4.1).
 *
 * With i = 1 eight numbers are left. A pair (x, y) -> (u, v) says u w = ax + by + c and v w = dx + ey + f, which is linear
 * in them, two rows a pair:
 *
 *     x a + y b + c                 - xu g - yu h = u
 *                     x d + y e + f - xv g - yv h = v
 *
 * Of the rows M and right sides r the normal equations M'M p = M'r are solved. They square the condition of M, so both
 * sets of points are first moved to their mean and scaled to a mean distance of sqrt(2) from it, as Hartley (1997) has it;
 * then the origin is amid the points, where w = 0 would cut a face in two, and i = 1 loses no map that is wanted.
 *
 * @throws Error when there are fewer than four pairs, or when the points do not determine a map (three of four on a line)
 */
export function fitHomography(source: readonly Point[], target: readonly Point[]): Homography {
  if (source.length < 4 || source.length !== target.length)
    throw new Error(`homography: ${source.length} points and ${target.length} targets; at least four pairs are needed`);
  const [fromSource, toTarget] = [normalizing(source), normalizing(target)];
  const equations = Array.from({ length: 8 }, () => new Float64Array(9)); // M'M, and M'r as the last column
  const add = (row: readonly number[], right: number) => {
    for (let i = 0; i < 8; i++) {
      for (let j = 0; j < 8; j++) equations[i][j] += row[i] * row[j];
      equations[i][8] += row[i] * right;
    }
  };
  source.forEach((point, k) => {
    const [x, y] = project(fromSource, point);
    const [u, v] = project(toTarget, target[k]);
    add([x, y, 1, 0, 0, 0, -x * u, -y * u], u);
    add([0, 0, 0, x, y, 1, -x * v, -y * v], v);
  });
  const [a, b, c, d, e, f, g, h] = solve(equations);
  return product(invertHomography(toTarget), product([a, b, c, d, e, f, g, h, 1], fromSource));
}

/** Where a map takes a point. */
export function project([a, b, c, d, e, f, g, h, i]: Homography, [x, y]: Point): Point {
  const w = g * x + h * y + i;
  return [(a * x + b * y + c) / w, (d * x + e * y + f) / w];
}

/** The map that undoes another: its adjugate, since a factor of all nine changes nothing. */
export function invertHomography([a, b, c, d, e, f, g, h, i]: Homography): Homography {
  return [
    e * i - f * h,
    c * h - b * i,
    b * f - c * e,
    f * g - d * i,
    a * i - c * g,
    c * d - a * f,
    d * h - e * g,
    b * g - a * h,
    a * e - b * d,
  ];
}

/** First the second, then the first. */
function product(first: Homography, second: Homography): Homography {
  const entry = (row: number, column: number) =>
    first[3 * row] * second[column] + first[3 * row + 1] * second[column + 3] + first[3 * row + 2] * second[column + 6];
  return [
    entry(0, 0),
    entry(0, 1),
    entry(0, 2),
    entry(1, 0),
    entry(1, 1),
    entry(1, 2),
    entry(2, 0),
    entry(2, 1),
    entry(2, 2),
  ];
}

/** Moves points to their mean and scales them to a mean distance of sqrt(2) from it. */
function normalizing(points: readonly Point[]): Homography {
  const mean = (axis: 0 | 1) => points.reduce((sum, point) => sum + point[axis], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const distance = points.reduce((sum, point) => sum + Math.hypot(point[0] - x, point[1] - y), 0) / points.length;
  if (!(distance > 0)) throw new Error('homography: the points coincide');
  const scale = Math.SQRT2 / distance;
  return [scale, 0, -scale * x, 0, scale, -scale * y, 0, 0, 1];
}

/** Gauss's elimination with the largest pivot of each column; the right side is the last column. In place. */
function solve(rows: Float64Array[]): number[] {
  const count = rows.length;
  for (let column = 0; column < count; column++) {
    let best = column;
    for (let row = column + 1; row < count; row++)
      if (Math.abs(rows[row][column]) > Math.abs(rows[best][column])) best = row;
    [rows[column], rows[best]] = [rows[best], rows[column]];
    if (!(Math.abs(rows[column][column]) > 1e-10))
      throw new Error('homography: the points do not determine a map; no three of four may lie on a line');
    for (let row = 0; row < count; row++) {
      if (row === column) continue;
      const factor = rows[row][column] / rows[column][column];
      for (let k = column; k <= count; k++) rows[row][k] -= factor * rows[column][k];
    }
  }
  return rows.map((row, k) => row[count] / row[k]);
}
