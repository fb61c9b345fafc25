import type { Affine, Point } from './align';
import type { RawImage } from './image';

/** Pixels on the host, [height, width, channels] with 1 (grey) or 3 channels, 0 to 1. */
export interface PixelShape {
  height: number;
  width: number;
  channels: 1 | 3;
}

/**
 * The middle of a picture in the shape asked for: cut to its proportions, then made smaller or larger. Each pixel is a
 * mean of those around it, weighted by a triangle as wide as the reduction, so that fine patterns do not alias.
 */
export function resize(image: RawImage, { height, width, channels }: PixelShape): Float32Array {
  const step = Math.min(image.width / width, image.height / height);
  const columns = weightsOf(image.width, width, step);
  const rows = weightsOf(image.height, height, step);

  const wide = new Float32Array(image.height * width * channels);
  for (let y = 0; y < image.height; y++)
    for (let x = 0; x < width; x++) {
      const sums = [0, 0, 0];
      for (const [from, weight] of columns[x])
        for (let k = 0; k < 3; k++) sums[k] += weight * image.data[4 * (y * image.width + from) + k];
      const [red, green, blue] = sums;
      const at = (y * width + x) * channels;
      if (channels === 1) wide[at] = 0.299 * red + 0.587 * green + 0.114 * blue;
      else wide.set(sums, at);
    }

  const line = width * channels;
  const pixels = new Float32Array(height * line);
  for (let y = 0; y < height; y++)
    for (const [from, weight] of rows[y])
      for (let k = 0; k < line; k++) pixels[y * line + k] += (weight / 255) * wide[from * line + k];
  return pixels;
}

/** Numbers 0 to 255, [height, width, 3], as an image, rounded to bytes. */
export function imageOf(numbers: ArrayLike<number>, width: number, height: number): RawImage {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    data[4 * pixel] = numbers[3 * pixel];
    data[4 * pixel + 1] = numbers[3 * pixel + 1];
    data[4 * pixel + 2] = numbers[3 * pixel + 2];
    data[4 * pixel + 3] = 255;
  }
  return { width, height, data };
}

/** Where a point of a picture lies after resize(), in pixels. */
export function resizedPoint(
  [x, y]: Point,
  image: { width: number; height: number },
  { height, width }: PixelShape,
): Point {
  const step = Math.min(image.width / width, image.height / height);
  return [(width - 1) / 2 + (x - (image.width - 1) / 2) / step, (height - 1) / 2 + (y - (image.height - 1) / 2) / step];
}

/** What a network sees of an aligned face, training and later alike: cut, resized, and rounded to bytes. */
export const inputPixels = (chip: RawImage, shape: PixelShape): Uint8Array => toBytes(resize(chip, shape));

/** From 0 ... 1 to 0 ... 255, rounded. */
const toBytes = (pixels: Float32Array): Uint8Array => Uint8Array.from(pixels, (value) => Math.round(255 * value));

/** For each place of a row of `count`, taken `step` apart from the middle of `length` pixels: which pixels weigh how much. */
function weightsOf(length: number, count: number, step: number): [from: number, weight: number][][] {
  const reach = Math.max(1, step);
  return Array.from({ length: count }, (_, place) => {
    const centre = (length - 1) / 2 + (place - (count - 1) / 2) * step;
    const weights: [number, number][] = [];
    let sum = 0;
    for (let k = Math.ceil(centre - reach); k <= centre + reach; k++) {
      const weight = 1 - Math.abs(k - centre) / reach;
      if (weight <= 0) continue;
      sum += weight;
      weights.push([Math.max(0, Math.min(length - 1, k)), weight]);
    }
    return weights.map(([from, weight]) => [from, weight / sum]);
  });
}

/** Samples pixels bilinearly at the places that a map gives; beyond the edge the pixels of the edge go on. */
export function sample(
  pixels: Float32Array,
  { height, width, channels }: PixelShape,
  [a, b, c, d, e, f]: Affine,
): Float32Array {
  const result = new Float32Array(pixels.length);
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const fromX = Math.max(0, Math.min(width - 1, a * x + b * y + c));
      const fromY = Math.max(0, Math.min(height - 1, d * x + e * y + f));
      const [left, top] = [Math.floor(fromX), Math.floor(fromY)];
      const [u, v] = [fromX - left, fromY - top];
      const upper = (top * width + left) * channels;
      const next = left < width - 1 ? channels : 0;
      const lower = top < height - 1 ? upper + width * channels : upper;
      for (let k = 0; k < channels; k++, at++)
        result[at] =
          (1 - v) * ((1 - u) * pixels[upper + k] + u * pixels[upper + next + k]) +
          v * ((1 - u) * pixels[lower + k] + u * pixels[lower + next + k]);
    }
  return result;
}
