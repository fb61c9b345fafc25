import type { Random } from '../tensor/random';
import type { Point } from './align';

/** Red, green and blue, 0 to 1. */
export type Colour = readonly [red: number, green: number, blue: number];

export interface Brush {
  colour: Colour;
  /** 0 leaves what is below, 1 (the default) covers it. */
  opacity?: number;
  /** How much light falls on each pixel of the canvas; the colour is multiplied by it. */
  light?: Float32Array;
  /** How much of each pixel may be painted, 0 to 1: what `Canvas.mask` gives. */
  within?: Float32Array;
}

export const mix = (a: Colour, b: Colour, share: number): Colour => [
  a[0] + (b[0] - a[0]) * share,
  a[1] + (b[1] - a[1]) * share,
  a[2] + (b[2] - a[2]) * share,
];

export const darker = ([red, green, blue]: Colour, factor: number): Colour => [
  red * factor,
  green * factor,
  blue * factor,
];

/** Horizontal lines per pixel on which an outline's coverage is measured. */
const LINES = 4;

/** A picture that outlines and soft spots are painted on. Points are in pixels, whose centres are whole numbers. */
export class Canvas {
  /** [height, width, 3], 0 to 1. */
  values: Float32Array;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.values = new Float32Array(3 * width * height);
  }

  /** Fills an outline; where it crosses itself, every second part stays empty. */
  fill(outline: readonly Point[], brush: Brush): void {
    const opacity = brush.opacity ?? 1;
    this.#cover(outline, (at, share) => this.#blend(at, brush, opacity * share));
  }

  /** How much of each pixel an outline covers, 0 to 1. */
  mask(outline: readonly Point[]): Float32Array {
    const mask = new Float32Array(this.width * this.height);
    this.#cover(outline, (at, share) => {
      mask[at] = share;
    });
    return mask;
  }

  /** A spot that is densest in its middle and fades like a Gaussian of these two radii, turned by an angle. */
  spot([x, y]: Point, radiusX: number, radiusY: number, angle: number, brush: Brush): void {
    const opacity = brush.opacity ?? 1;
    const reach = 2.5 * Math.max(radiusX, radiusY);
    const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
    for (let row = Math.max(0, Math.ceil(y - reach)); row <= Math.min(this.height - 1, y + reach); row++)
      for (let column = Math.max(0, Math.ceil(x - reach)); column <= Math.min(this.width - 1, x + reach); column++) {
        const along = ((column - x) * cosine + (row - y) * sine) / radiusX;
        const across = ((row - y) * cosine - (column - x) * sine) / radiusY;
        const density = Math.exp(-0.5 * (along * along + across * across));
        this.#blend(row * this.width + column, brush, opacity * density);
      }
  }

  /** Averages each pixel with its four neighbours; 0 changes nothing, 1 weighs all five alike. */
  blur(strength: number): void {
    const { width, height, values } = this;
    const blurred = new Float32Array(values.length);
    const share = strength / 5;
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const here = 3 * (y * width + x);
        const left = x > 0 ? here - 3 : here;
        const right = x < width - 1 ? here + 3 : here;
        const above = y > 0 ? here - 3 * width : here;
        const below = y < height - 1 ? here + 3 * width : here;
        for (let k = 0; k < 3; k++)
          blurred[here + k] =
            (1 - 4 * share) * values[here + k] +
            share * (values[left + k] + values[right + k] + values[above + k] + values[below + k]);
      }
    this.values = blurred;
  }

  /** The picture in bytes, each pixel with a little noise. */
  toBytes(random: Random, noise: number, grey: boolean): Uint8ClampedArray {
    const data = new Uint8ClampedArray(4 * this.width * this.height);
    for (let from = 0, to = 0; from < this.values.length; from += 3, to += 4) {
      const grain = noise * (random.next() + random.next() - 1);
      const [red, green, blue] = [this.values[from], this.values[from + 1], this.values[from + 2]];
      const luma = 0.299 * red + 0.587 * green + 0.114 * blue;
      data[to] = 255 * ((grey ? luma : red) + grain);
      data[to + 1] = 255 * ((grey ? luma : green) + grain);
      data[to + 2] = 255 * ((grey ? luma : blue) + grain);
      data[to + 3] = 255;
    }
    return data;
  }

  #blend(pixel: number, { colour, light, within }: Brush, share: number) {
    const part = within ? share * within[pixel] : share;
    const lit = light ? light[pixel] : 1;
    const { values } = this;
    for (let k = 0, at = 3 * pixel; k < 3; k++, at++) values[at] += (lit * colour[k] - values[at]) * part;
  }

  /**
   * Visits the pixels that an outline covers, with the share of each that lies inside: on each of a few lines through
   * a row of pixels, exactly, between the first and the second crossing, the third and the fourth, and so on.
   */
  #cover(outline: readonly Point[], visit: (pixel: number, share: number) => void) {
    const range = (axis: 0 | 1, limit: number): [number, number] => {
      const values = outline.map((point) => point[axis]);
      return [Math.max(0, Math.round(Math.min(...values))), Math.min(limit - 1, Math.round(Math.max(...values)))];
    };
    const [left, right] = range(0, this.width);
    const [top, bottom] = range(1, this.height);
    const row = new Float32Array(this.width);
    for (let y = top; y <= bottom; y++) {
      row.fill(0);
      for (let line = 0; line < LINES; line++) {
        const crossings = crossingsOf(outline, y - 0.5 + (line + 0.5) / LINES);
        for (let k = 0; k + 1 < crossings.length; k += 2) addSpan(row, crossings[k], crossings[k + 1]);
      }
      for (let x = left; x <= right; x++) if (row[x] > 0) visit(y * this.width + x, row[x]);
    }
  }
}

/** Where an outline crosses a horizontal line, from left to right. */
function crossingsOf(outline: readonly Point[], y: number): number[] {
  const crossings: number[] = [];
  let [lastX, lastY] = outline[outline.length - 1];
  for (const [x, nextY] of outline) {
    if (lastY <= y !== nextY <= y) crossings.push(lastX + ((x - lastX) * (y - lastY)) / (nextY - lastY));
    [lastX, lastY] = [x, nextY];
  }
  return crossings.sort((a, b) => a - b);
}

function addSpan(row: Float32Array, from: number, to: number) {
  const [left, right] = [Math.max(0, from + 0.5), Math.min(row.length, to + 0.5)];
  for (let x = Math.floor(left); x < right; x++) row[x] += (Math.min(right, x + 1) - Math.max(left, x)) / LINES;
}

/** More points on a smooth curve through some (Catmull and Rom 1974). */
export function smooth(points: readonly Point[], closed = true, between = 4): Point[] {
  const count = points.length;
  const at = (k: number) => points[closed ? (k + count) % count : Math.max(0, Math.min(count - 1, k))];
  const curve: Point[] = [];
  for (let k = 0; k < (closed ? count : count - 1); k++) {
    const [p, q, r, s] = [at(k - 1), at(k), at(k + 1), at(k + 2)];
    for (let step = 0; step < between; step++) {
      const t = step / between;
      const on = (axis: 0 | 1) =>
        q[axis] +
        0.5 * t * (r[axis] - p[axis]) +
        t * t * (p[axis] - 2.5 * q[axis] + 2 * r[axis] - 0.5 * s[axis]) +
        t * t * t * (1.5 * (q[axis] - r[axis]) + 0.5 * (s[axis] - p[axis]));
      curve.push([on(0), on(1)]);
    }
  }
  if (!closed) curve.push(points[count - 1]);
  return curve;
}

/** The outline of a line with a width, which may change along it. */
export function ribbon(points: readonly Point[], width: (along: number) => number): Point[] {
  const sides: [Point[], Point[]] = [[], []];
  points.forEach(([x, y], k) => {
    const [fromX, fromY] = points[Math.max(0, k - 1)];
    const [toX, toY] = points[Math.min(points.length - 1, k + 1)];
    const length = Math.hypot(toX - fromX, toY - fromY) || 1;
    const half = width(k / (points.length - 1)) / 2 / length;
    sides[0].push([x - half * (toY - fromY), y + half * (toX - fromX)]);
    sides[1].push([x + half * (toY - fromY), y - half * (toX - fromX)]);
  });
  return [...sides[0], ...sides[1].reverse()];
}
