import type { Parameters } from '../../nn/parameters';
import { scaleShift } from '../../tensor/ops/scale-shift';
import type { Tensor } from '../../tensor/tensor';

/**
 * (rgb - mean) / 255, as face-api's networks were trained: one scale and one shift a channel.
 *
 * @param mean the network's own mean of red, green and blue, 0 to 255
 */
export const meanWeights = (mean: readonly number[]) =>
  new Map([
    ['input/scale', { shape: [3], values: Float32Array.of(1 / 255, 1 / 255, 1 / 255) }],
    ['input/shift', { shape: [3], values: Float32Array.from(mean, (value) => -value / 255) }],
  ]);

/** @param image [batch, height, width, 3], RGB from 0 to 255 */
export const normalizeMean = (image: Tensor, weights: Parameters): Tensor =>
  scaleShift(image, weights.get('input/scale'), weights.get('input/shift'));
