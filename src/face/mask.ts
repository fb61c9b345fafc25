import type { Random } from '../tensor/random';
import type { Point } from './align';
import type { RawImage } from './image';
import { MASK_PATTERNS, type MaskStyle } from './mask-fabric';
import { type FaceFrame, faceFrame } from './mask-geometry';
import { faceLight, luma, type Region } from './mask-light';
import { paintMask } from './mask-paint';
import { MASK_WEARINGS, type MaskKind } from './mask-shapes';
import type { PixelShape } from './pixels';
import { type Colour, darker, mix } from './synthetic-paint';

export { MASK_PATTERNS, type MaskPattern, type MaskStyle } from './mask-fabric';
export { MASK_KINDS, MASK_WEARINGS, type MaskKind, type MaskWearing } from './mask-shapes';

/** Colours that masks are sold in, by the names that the command line takes. */
export const MASK_COLOURS: Readonly<Record<string, Colour>> = {
  white: [0.93, 0.93, 0.92],
  blue: [0.62, 0.8, 0.9],
  green: [0.62, 0.82, 0.74],
  pink: [0.93, 0.74, 0.78],
  lilac: [0.76, 0.7, 0.88],
  yellow: [0.92, 0.84, 0.5],
  orange: [0.9, 0.58, 0.3],
  red: [0.7, 0.15, 0.17],
  brown: [0.5, 0.36, 0.27],
  beige: [0.85, 0.76, 0.64],
  grey: [0.55, 0.56, 0.58],
  navy: [0.12, 0.17, 0.34],
  teal: [0.15, 0.45, 0.48],
  black: [0.07, 0.07, 0.08],
};

/** What each kind is mostly seen in: a name as often as it comes. */
const USUAL: Readonly<Record<MaskKind, readonly string[]>> = {
  surgical: ['blue', 'blue', 'blue', 'white', 'white', 'green', 'pink', 'lilac', 'black', 'black', 'grey'],
  cloth: Object.keys(MASK_COLOURS),
  kn95: ['white', 'white', 'white', 'black', 'black', 'grey', 'blue', 'pink', 'beige', 'navy'],
  n95: ['white', 'white', 'white', 'white', 'grey', 'blue', 'beige', 'green', 'black'],
};

/** A mask as people wear them; what is given stays as it is. */
export function randomMask(random: Random, given: Partial<MaskStyle> = {}): MaskStyle {
  const pick = <T>(values: readonly T[]): T => values[random.below(values.length)];
  const chance = random.next();
  const kind = given.kind ?? (chance < 0.4 ? 'surgical' : chance < 0.7 ? 'cloth' : chance < 0.85 ? 'kn95' : 'n95');
  const vary = (colour: Colour): Colour => {
    const toned = darker(mix(colour, [random.next(), random.next(), random.next()], 0.12), random.between(0.88, 1.04));
    return [Math.min(1, toned[0]), Math.min(1, toned[1]), Math.min(1, toned[2])];
  };
  const colour = given.colour ?? vary(MASK_COLOURS[pick(USUAL[kind])]);
  let ink = vary(MASK_COLOURS[pick(Object.keys(MASK_COLOURS))]);
  // A pattern that nobody could see is none.
  const away = Math.hypot(ink[0] - colour[0], ink[1] - colour[1], ink[2] - colour[2]);
  if (away < 0.3) ink = luma(...colour) > 0.5 ? darker(colour, 0.4) : mix(colour, [1, 1, 1], 0.7);
  const isPrinted = random.next() < { surgical: 0.08, cloth: 0.6, kn95: 0.05, n95: 0 }[kind];
  const drawn: MaskStyle = {
    kind,
    wearing: random.next() < 0.8 ? 'full' : pick(MASK_WEARINGS.slice(1)),
    colour,
    pattern: isPrinted ? pick(MASK_PATTERNS.slice(1)) : 'plain',
    ink,
    seed: random.below(2 ** 32),
  };
  return { ...drawn, ...given };
}

/**
 * A copy of a photo, or of a crop, with a mask on one face; for the next face draw on the copy.
 *
 * @param landmarks the 68 points of the face, in pixels of the image
 * @throws Error when they are not 68, or no face at all: all in one place, or on a line
 */
export function drawMask(image: RawImage, landmarks: readonly Point[], mask: MaskStyle): RawImage {
  const { width, height } = image;
  const frame = faceFrame(landmarks);
  const data = new Uint8ClampedArray(image.data);
  const region = regionAround(frame, landmarks, width, height);
  const { values } = region;
  forEachRow(region, width, (from, to, count) => {
    for (let k = 0; k < 3 * count; k++) values[3 * to + k] = data[4 * (from + Math.floor(k / 3)) + (k % 3)] / 255;
  });
  paint(region, frame, landmarks, mask);
  forEachRow(region, width, (from, to, count) => {
    for (let k = 0; k < 3 * count; k++) data[4 * (from + Math.floor(k / 3)) + (k % 3)] = 255 * values[3 * to + k];
  });
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
  { width, height, channels }: PixelShape,
  landmarks: readonly Point[],
  mask: MaskStyle,
): Float32Array {
  const frame = faceFrame(landmarks);
  const result = pixels.slice();
  const region = regionAround(frame, landmarks, width, height);
  const { values } = region;
  if (channels === 3)
    forEachRow(region, width, (from, to, count) => values.set(pixels.subarray(3 * from, 3 * (from + count)), 3 * to));
  else
    forEachRow(region, width, (from, to, count) => {
      for (let k = 0; k < count; k++) values.fill(pixels[from + k], 3 * (to + k), 3 * (to + k + 1));
    });
  paint(region, frame, landmarks, mask);
  if (channels === 3)
    forEachRow(region, width, (from, to, count) => result.set(values.subarray(3 * to, 3 * (to + count)), 3 * from));
  else
    forEachRow(region, width, (from, to, count) => {
      for (let k = 0, at = 3 * to; k < count; k++, at += 3)
        result[from + k] = luma(values[at], values[at + 1], values[at + 2]);
    });
  return result;
}

function paint(region: Region, frame: FaceFrame, landmarks: readonly Point[], mask: MaskStyle) {
  if (region.width > 0 && region.height > 0)
    paintMask(region, mask, landmarks, frame, faceLight(region, frame, landmarks));
}

/** What of a picture a mask, its straps and its shadow may reach, and what tells the light. */
function regionAround({ unit }: FaceFrame, landmarks: readonly Point[], width: number, height: number): Region {
  const margin = 0.4 * unit;
  const bounds = (axis: 0 | 1, limit: number) => {
    const own = landmarks.map((point) => point[axis]);
    const from = Math.min(limit, Math.max(0, Math.floor(Math.min(...own) - margin)));
    const to = Math.min(limit, Math.max(0, Math.ceil(Math.max(...own) + margin) + 1));
    return [from, to - from];
  };
  const [left, across] = bounds(0, width);
  const [top, down] = bounds(1, height);
  return { left, top, width: across, height: down, values: new Float32Array(3 * across * down) };
}

/** Visits a region's rows: where each begins in the picture and in the region, in pixels, and how many it has. */
function forEachRow(
  { left, top, width, height }: Region,
  line: number,
  visit: (from: number, to: number, count: number) => void,
) {
  for (let y = 0; y < height; y++) visit((top + y) * line + left, y * width, width);
}
