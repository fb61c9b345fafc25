import { stacked } from '../nn/evaluation';
import type { PixelPreparation } from '../nn/prepared-pixels';
import { type Random, stream } from '../tensor/random';
import { LANDMARK_COUNT, type Point } from './align';
import { type AugmentOptions, augment } from './augment';
import { drawMaskOn, randomMask } from './mask';
import { fitsMask } from './mask-geometry';
import type { PixelShape } from './pixels';

/** All training images one after the other, a byte a pixel and channel, and how they are varied. */
export interface AugmentedImages {
  bytes: Uint8Array;
  shape: PixelShape;
  options: AugmentOptions;
  seed: number;
  /** Without it, each gets mean 0 and deviation 1. */
  preparation?: PixelPreparation;
  /** How often a face wears a drawn mask, for which its landmarks are needed. */
  masks?: number;
  /** Of all images one after the other: 68 points each, in pixels. */
  landmarks?: Float32Array;
}

export interface BatchRequest {
  indices: readonly number[];
  step: number;
}

/** A stream of its own for masks: with and without them, images are varied alike. */
const MASKS = 1;

/** The images of a step, varied by a stream of their own each, as the network takes them, in one array. */
export function augmentedBatch(images: AugmentedImages, { indices, step }: BatchRequest) {
  const { bytes, shape, options, seed, preparation } = images;
  const size = shape.height * shape.width * shape.channels;
  return stacked(
    indices.map((index, place) => {
      const pixels = Float32Array.from(bytes.subarray(index * size, (index + 1) * size));
      for (let at = 0; at < size; at++) pixels[at] /= 255;
      const worn = masked(pixels, images, index, stream(seed, step, place, MASKS));
      return augment(worn, shape, stream(seed, step, place), options);
    }),
    preparation,
  );
}

function masked(
  pixels: Float32Array,
  { shape, masks = 0, landmarks }: AugmentedImages,
  index: number,
  random: Random,
): Float32Array {
  if (!landmarks || random.next() >= masks) return pixels;
  const numbers = landmarks.subarray(2 * LANDMARK_COUNT * index, 2 * LANDMARK_COUNT * (index + 1));
  const points = Array.from({ length: LANDMARK_COUNT }, (_, k): Point => [numbers[2 * k], numbers[2 * k + 1]]);
  // Of thousands of photos in the wild some have landmarks that went astray: they stay without.
  return fitsMask(points) ? drawMaskOn(pixels, shape, points, randomMask(random)) : pixels;
}
