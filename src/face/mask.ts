import type { Random } from '../tensor/random';
import { stream } from '../tensor/random';
import type { Point } from './align';
import type { RawImage } from './image';
import { faceFrame } from './mask-geometry';
import { MASK_KINDS, MASK_WEARINGS, type MaskKind, MaskOutline, type MaskWearing, randomFit } from './mask-shapes';
import type { PixelShape } from './pixels';
import type { Colour } from './synthetic-paint';

export const MASK_PATTERNS = ['plain', 'stripes', 'checks', 'dots', 'flowers', 'mottled'] as const;
export type MaskPattern = (typeof MASK_PATTERNS)[number];

/** What a mask looks like and how it is worn; the same style on the same face is the same picture. */
export interface MaskStyle {
  kind: MaskKind;
  wearing: MaskWearing;
  /** Red, green and blue, 0 to 1. */
  colour: Colour;
  pattern: MaskPattern;
  /** The second colour of a pattern. */
  ink: Colour;
  /** Of how it sits, its folds, and the grain of the picture. */
  seed: number;
}

/** A mask as people wear them; what is given stays as it is. */
export function randomMask(random: Random, given: Partial<MaskStyle> = {}): MaskStyle {
  const pick = <T>(values: readonly T[]): T => values[random.below(values.length)];
  const drawn: MaskStyle = {
    kind: pick(MASK_KINDS),
    wearing: random.next() < 0.8 ? 'full' : pick(MASK_WEARINGS.slice(1)),
    colour: [random.next(), random.next(), random.next()],
    pattern: pick(MASK_PATTERNS),
    ink: [random.next(), random.next(), random.next()],
    seed: random.below(2 ** 32),
  };
  return { ...drawn, ...given };
}

/**
 * A copy of a photo, or of a crop, with a mask on one face. Draw on the copy for the next face.
 *
 * @param landmarks the 68 points of the face, in pixels of the image
 * @throws Error when they are not 68, or no face at all: all in one place, or on a line
 */
export function drawMask(image: RawImage, landmarks: readonly Point[], mask: MaskStyle): RawImage {
  const { width, height } = image;
  const data = Uint8ClampedArray.from(image.data);
  const pixels = new Float32Array(3 * width * height);
  for (let k = 0; k < width * height; k++)
    for (let channel = 0; channel < 3; channel++) pixels[3 * k + channel] = data[4 * k + channel] / 255;
  const drawn = drawMaskOn(pixels, { width, height, channels: 3 }, landmarks, mask);
  for (let k = 0; k < width * height; k++)
    for (let channel = 0; channel < 3; channel++) data[4 * k + channel] = 255 * drawn[3 * k + channel];
  return { ...image, data };
}

/**
 * The same on pixels as training has them.
 *
 * @param pixels [height, width, channels], 0 to 1; left as they are
 * @returns the same shape, 0 to 1
 */
export function drawMaskOn(
  pixels: Float32Array,
  shape: PixelShape,
  landmarks: readonly Point[],
  mask: MaskStyle,
): Float32Array {
  const { width, height, channels } = shape;
  const { toPlane } = faceFrame(landmarks);
  const outline = new MaskOutline(mask.kind, mask.wearing, randomFit(stream(mask.seed)));
  const result = Float32Array.from(pixels);
  const [a, b, c, d, e, f, g, h, i] = toPlane;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const w = g * x + h * y + i;
      const [across, down] = [(a * x + b * y + c) / w, (d * x + e * y + f) / w];
      if (Math.abs(across) > outline.side || down < outline.top(across) || down > outline.bottom(across)) continue;
      const at = (y * width + x) * channels;
      for (let k = 0; k < channels; k++) result[at + k] = mask.colour[k];
    }
  return result;
}
