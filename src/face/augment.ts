import { mirror } from '../nn/evaluation';
import type { Random } from '../tensor/random';
import { type PixelShape, sample } from './pixels';

/** How strongly training images are varied; 0 leaves a property as it is. */
export interface AugmentOptions {
  /** The probability of a mirror image. Default 0.5. */
  mirror?: number;
  /** The largest shift, as a share of the side. Default 0.06. */
  shift?: number;
  /** The largest change of size, as a share. Default 0.1. */
  zoom?: number;
  /** The largest rotation, in degrees. Default 8. */
  rotation?: number;
  /** The largest that is added or taken away, of 1. Default 0.12. */
  brightness?: number;
  /** The largest change of the distance from the mean, as a share. Default 0.25. */
  contrast?: number;
  /** The largest change of the distance from grey, as a share; greys have none. Default 0.3. */
  saturation?: number;
  /** The probability of an image as if from far away: 2 to 3 times coarser. Default 0.1. */
  lowResolution?: number;
  /** The probability that a rectangle of 2 to 15 % is erased (Zhong et al. 2020). Default 0.25. */
  erase?: number;
}

const DEFAULTS: Required<AugmentOptions> = {
  mirror: 0.5,
  shift: 0.06,
  zoom: 0.1,
  rotation: 8,
  brightness: 0.12,
  contrast: 0.25,
  saturation: 0.3,
  lowResolution: 0.1,
  erase: 0.25,
};

/** Every kind of variation off. */
export const NO_AUGMENT: Required<AugmentOptions> = {
  mirror: 0,
  shift: 0,
  zoom: 0,
  rotation: 0,
  brightness: 0,
  contrast: 0,
  saturation: 0,
  lowResolution: 0,
  erase: 0,
};

/**
 * A varied copy of an image, for one step of training.
 *
 * @param pixels [height, width, channels], 0 to 1; left as they are
 * @returns the same shape, 0 to 1
 */
export function augment(
  pixels: Float32Array,
  shape: PixelShape,
  random: Random,
  options: AugmentOptions = {},
): Float32Array {
  const strength = { ...DEFAULTS, ...options };
  const within = (most: number) => random.between(-most, most);
  const happens = (probability: number) => random.next() < probability;

  let result: Float32Array = Float32Array.from(pixels);
  if (happens(strength.mirror)) result = mirror(result, shape);
  const move = {
    x: within(strength.shift) * shape.width,
    y: within(strength.shift) * shape.height,
    zoom: 1 + within(strength.zoom),
    angle: (within(strength.rotation) * Math.PI) / 180,
  };
  if (move.x !== 0 || move.y !== 0 || move.zoom !== 1 || move.angle !== 0) result = place(result, shape, move);
  const [brightness, contrast] = [within(strength.brightness), 1 + within(strength.contrast)];
  adjust(result, shape, { brightness, contrast, saturation: 1 + within(strength.saturation) });
  if (happens(strength.lowResolution)) coarsen(result, shape, 2 + random.below(2));
  if (happens(strength.erase)) erase(result, shape, random);
  return result;
}

/** Turned about the middle by an angle in radians, clockwise, made `zoom` times as large and shifted by pixels. */
export function place(
  pixels: Float32Array,
  shape: PixelShape,
  move: { x: number; y: number; zoom: number; angle: number },
): Float32Array {
  // From a pixel of the result back to where it comes from: unshift, unturn, unzoom.
  const cosine = Math.cos(move.angle) / move.zoom;
  const sine = Math.sin(move.angle) / move.zoom;
  const [middleX, middleY] = [(shape.width - 1) / 2, (shape.height - 1) / 2];
  const [x, y] = [middleX + move.x, middleY + move.y];
  return sample(pixels, shape, [
    cosine,
    sine,
    middleX - cosine * x - sine * y,
    -sine,
    cosine,
    middleY + sine * x - cosine * y,
  ]);
}

/** In place: the distance from grey, then that from the image's mean is multiplied, then brightness added; cut to 0 ... 1. */
export function adjust(
  pixels: Float32Array,
  { channels }: PixelShape,
  { brightness, contrast, saturation }: { brightness: number; contrast: number; saturation: number },
): void {
  if (channels === 3)
    for (let at = 0; at < pixels.length; at += 3) {
      const grey = 0.299 * pixels[at] + 0.587 * pixels[at + 1] + 0.114 * pixels[at + 2];
      for (let k = at; k < at + 3; k++) pixels[k] = grey + (pixels[k] - grey) * saturation;
    }
  let sum = 0;
  for (const value of pixels) sum += value;
  const mean = sum / pixels.length;
  for (let at = 0; at < pixels.length; at++)
    pixels[at] = Math.max(0, Math.min(1, mean + (pixels[at] - mean) * contrast + brightness));
}

/** In place: each block of so many pixels a side becomes its mean. */
export function coarsen(pixels: Float32Array, { height, width, channels }: PixelShape, block: number): void {
  for (let top = 0; top < height; top += block)
    for (let left = 0; left < width; left += block)
      for (let k = 0; k < channels; k++) {
        const places: number[] = [];
        for (let y = top; y < Math.min(height, top + block); y++)
          for (let x = left; x < Math.min(width, left + block); x++) places.push((y * width + x) * channels + k);
        const mean = places.reduce((sum, at) => sum + pixels[at], 0) / places.length;
        for (const at of places) pixels[at] = mean;
      }
}

/** In place: a rectangle of 2 to 15 % of the area, not more than 1 : 2 in its sides, becomes noise. */
export function erase(pixels: Float32Array, { height, width, channels }: PixelShape, random: Random): void {
  const area = random.between(0.02, 0.15) * height * width;
  const ratio = 2 ** random.between(-1, 1);
  const tall = Math.min(height, Math.max(1, Math.round(Math.sqrt(area * ratio))));
  const wide = Math.min(width, Math.max(1, Math.round(Math.sqrt(area / ratio))));
  const [top, left] = [random.below(height - tall + 1), random.below(width - wide + 1)];
  for (let y = top; y < top + tall; y++)
    for (let at = (y * width + left) * channels; at < (y * width + left + wide) * channels; at++)
      pixels[at] = random.next();
}
