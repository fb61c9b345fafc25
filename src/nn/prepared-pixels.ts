/** Numbers of an image [height, width, channels]: bytes, or 0 to 1. */
export type Pixels = Float32Array | Uint8Array;

/** What becomes of the pixels of an image before a network sees them. */
export interface PixelPreparation {
  /** The order of the channels; GRAY is one. */
  channels: 'RGB' | 'BGR' | 'GRAY';
  /** What black and white become, before the standardisation, if any. */
  range: readonly [lowest: number, highest: number];
  /** 'image': each image minus the mean of all its numbers, divided by their deviation. 'none': as they are. */
  standardisation: 'image' | 'none';
}

/** What networks are trained with that are trained from nothing: an image is the same whatever the light was. */
export const STANDARDIZED: PixelPreparation = { channels: 'RGB', range: [0, 255], standardisation: 'image' };

/** @returns the numbers that a network takes, [height, width, channels] */
export function preparedPixels(pixels: Pixels, preparation: PixelPreparation): Float32Array {
  const { channels, range, standardisation } = preparation;
  const ordered = channels === 'BGR' ? pixels.map((_, at) => pixels[at + 2 - 2 * (at % 3)]) : pixels;
  // Standardised, all ranges are the same.
  if (standardisation === 'image') return standardized(ordered);
  const [lowest, highest] = range;
  const step = (highest - lowest) / (pixels instanceof Uint8Array ? 255 : 1);
  return Float32Array.from(ordered, (value) => lowest + step * value);
}

/** An image with mean 0 and deviation 1. */
export function standardized(pixels: Pixels): Float32Array {
  let sum = 0;
  for (const value of pixels) sum += value;
  const mean = sum / pixels.length;
  let squares = 0;
  for (const value of pixels) squares += (value - mean) ** 2;
  const deviation = Math.max(Math.sqrt(squares / pixels.length), 1e-6);
  const result = new Float32Array(pixels.length);
  for (let at = 0; at < pixels.length; at++) result[at] = (pixels[at] - mean) / deviation;
  return result;
}
