import { stacked } from '../nn/evaluation';
import { stream } from '../tensor/random';
import { type AugmentOptions, augment } from './augment';
import type { PixelShape } from './pixels';

/** All training images one after the other, a byte a pixel and channel, and how they are varied. */
export interface AugmentedImages {
  bytes: Uint8Array;
  shape: PixelShape;
  options: AugmentOptions;
  seed: number;
}

export interface BatchRequest {
  indices: readonly number[];
  step: number;
}

/** The images of a step, varied by a stream of their own each, with mean 0 and deviation 1, in one array. */
export function augmentedBatch({ bytes, shape, options, seed }: AugmentedImages, { indices, step }: BatchRequest) {
  const size = shape.height * shape.width * shape.channels;
  return stacked(
    indices.map((index, place) => {
      const pixels = Float32Array.from(bytes.subarray(index * size, (index + 1) * size), (value) => value / 255);
      return augment(pixels, shape, stream(seed, step, place), options);
    }),
  );
}
