import type { RawImage } from '../../src/face/image';
import { contextOf, paint } from '../dom';
import { faces } from '../faces';

/** Where a covered square moves the embedding. */
export interface OcclusionMap {
  /** Squares in a row; there are as many rows. */
  squares: number;
  /** How far the embedding moves when each is covered, row by row. */
  distances: number[];
}

const mapped = new WeakMap<RawImage, Promise<OcclusionMap>>();

/** The map of a chip, computed once: it takes seconds, and more than one panel shows it. */
export function occlusionOf(chip: RawImage): Promise<OcclusionMap> {
  const known = mapped.get(chip);
  if (known) return known;
  const map = faces().occlusion(chip);
  mapped.set(chip, map);
  map.catch(() => mapped.delete(chip)); // reported to who asked; the next one may try again
  return map;
}

/**
 * The chip in grey, warm where the weights are large: where covering it moves the embedding most, say.
 * @param weights of squares that lie side by side, row by row, from 0
 */
export function drawMap(canvas: HTMLCanvasElement, chip: RawImage, squares: number, weights: readonly number[]): void {
  paint(canvas, chip);
  const context = contextOf(canvas);
  const side = chip.width / squares;
  const largest = Math.max(...weights, 1e-6);
  const image = context.getImageData(0, 0, chip.width, chip.height);
  for (let at = 0; at < image.data.length; at += 4) {
    const [x, y] = [(at / 4) % chip.width, Math.floor(at / 4 / chip.width)];
    const weight = between(weights, squares, x / side - 0.5, y / side - 0.5) / largest;
    const grey = 0.3 * image.data[at] + 0.59 * image.data[at + 1] + 0.11 * image.data[at + 2];
    image.data.set(
      [255, 140, 30].map((warm) => 0.6 * (1 - weight) * grey + weight * (0.45 * grey + 0.55 * warm)),
      at,
    );
  }
  context.putImageData(image, 0, 0);
}

/** Bilinear, between the middles of the squares. */
function between(values: readonly number[], squares: number, x: number, y: number): number {
  const last = squares - 1;
  const [left, top] = [x, y].map((place) => Math.min(last, Math.max(0, place)));
  const [column, row] = [Math.floor(left), Math.floor(top)];
  const at = (i: number, j: number) => values[Math.min(last, i) * squares + Math.min(last, j)];
  const [right, down] = [left - column, top - row];
  const upper = at(row, column) * (1 - right) + at(row, column + 1) * right;
  const lower = at(row + 1, column) * (1 - right) + at(row + 1, column + 1) * right;
  return upper * (1 - down) + lower * down;
}
