import type { Random } from '../tensor/random';
import { type Affine, apply, invert, type Point } from './align';
import { adjust, coarsen, erase } from './augment';
import type { Box } from './boxes';
import type { RawImage } from './image';
import { FIVE_MIRRORED, LANDMARK_SIDE } from './landmark-network';
import { drawMask, randomMask } from './mask';

/** A face to learn five points from: the photo, the detector's box, and where the points are in the photo. */
export interface LabelledFace {
  photo: RawImage;
  box: Box;
  points: readonly Point[];
  /** For masks: 68 points to draw them by, and the box that the detector gives the face with a mask on. */
  wearer?: { outline: readonly Point[]; box: Box };
}

/** How strongly the faces that are trained on are varied. */
export interface LandmarkAugmentation {
  /** The largest rotation, in degrees; half of the faces are turned by a third of it at most. */
  rotation: number;
  /** The largest shift of the box, as a share of the crop's side: detectors are not exact. */
  shift: number;
  /** The largest change of the crop's side, as a share. */
  zoom: number;
  /** The largest change of the proportions, as a share. */
  stretch: number;
  /** The share of faces that wear a drawn mask, of those with a `wearer`. */
  masks: number;
}

export const LANDMARK_AUGMENTATION: LandmarkAugmentation = {
  rotation: 40,
  shift: 0.08,
  zoom: 0.15,
  stretch: 0.1,
  masks: 0,
};

/** Side of the crop, in heights (or widths, if larger) of the detector's box: forehead to chin. */
const CROP = 1.15;

/** Where the points are in a crop, in pixels of it: the means of the training faces, made symmetric. */
export const USUAL_POINTS: readonly Point[] = [
  [19.26, 18.79],
  [35.74, 18.79],
  [27.5, 29.11],
  [20.35, 36.68],
  [34.65, 36.68],
];

/** From a pixel of the network's input to the photo, for a box from forehead to chin. */
export function landmarkCrop([x, y, width, height]: Box): Affine {
  const step = (CROP * Math.max(width, height)) / LANDMARK_SIDE;
  return around([x + width / 2, y + height / 2], [step, 0, 0, step]);
}

/** The linear map [a, b, d, e], with the middle of the network's input at a place of the photo. */
function around([x, y]: Point, [a, b, d, e]: readonly number[]): Affine {
  const middle = (LANDMARK_SIDE - 1) / 2;
  return [a, b, x - 0.5 - (a + b) * middle, d, e, y - 0.5 - (d + e) * middle];
}

/** From -1 ... 1 across the network's input to its pixels, whose middles are whole numbers, and back. */
export const toPixel = (place: number): number => ((place + 1) / 2) * LANDMARK_SIDE - 0.5;
const fromPixel = (pixel: number): number => (2 * (pixel + 0.5)) / LANDMARK_SIDE - 1;

/**
 * What the network sees of a face, and what it should answer. The points of a photo count from the middle of its first
 * pixel, as everywhere.
 *
 * @param pixels where the crop goes, [56, 56, 3], RGB 0 to 1
 * @param targets where the points go, ten numbers, -1 to 1
 * @param varied a generator for a face to train on, with the augmentation; without it the face is seen as it is
 */
export function landmarkSample(
  face: LabelledFace,
  pixels: Float32Array,
  targets: Float32Array,
  varied?: { random: Random; augmentation: LandmarkAugmentation },
): void {
  const { points } = face;
  const { photo, box } = varied ? maybeMasked(face, varied) : face;
  const isMirrored = varied !== undefined && varied.random.next() < 0.5;
  const toPhoto = varied ? variedCrop(box, isMirrored, varied) : landmarkCrop(box);
  // Photos have something beyond the face, and crops that somebody made have nothing: both are learnt.
  cut(photo, toPhoto, pixels, varied !== undefined && varied.random.next() < 0.5);
  if (varied) changeLook(pixels, varied.random);
  const fromPhoto = invert(toPhoto);
  for (let k = 0; k < points.length; k++) {
    const [x, y] = apply(fromPhoto, points[isMirrored ? FIVE_MIRRORED[k] : k]);
    targets[2 * k] = fromPixel(x);
    targets[2 * k + 1] = fromPixel(y);
  }
}

function maybeMasked(
  { photo, box, wearer }: LabelledFace,
  { random, augmentation: { masks } }: { random: Random; augmentation: LandmarkAugmentation },
): { photo: RawImage; box: Box } {
  if (masks === 0 || random.next() >= masks || !wearer) return { photo, box };
  return { photo: drawMask(photo, wearer.outline, randomMask(random)), box: wearer.box };
}

function variedCrop(
  [x, y, width, height]: Box,
  isMirrored: boolean,
  { random, augmentation }: { random: Random; augmentation: LandmarkAugmentation },
): Affine {
  const within = (most: number) => random.between(-most, most);
  const { rotation, shift, zoom, stretch } = augmentation;
  const side = CROP * Math.max(width, height);
  const most = random.next() < 0.5 ? rotation : rotation / 3;
  const angle = (within(most) * Math.PI) / 180;
  const step = (side * (1 + within(zoom))) / LANDMARK_SIDE;
  const across = (isMirrored ? -1 : 1) * step * (1 + within(stretch));
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  const centre: Point = [x + width / 2 + within(shift) * side, y + height / 2 + within(shift) * side];
  return around(centre, [cosine * across, -sine * step, sine * across, cosine * step]);
}

/** Light, contrast and colour; now and then as if from far away, or with a rectangle covered. */
function changeLook(pixels: Float32Array, random: Random): void {
  const shape = { height: LANDMARK_SIDE, width: LANDMARK_SIDE, channels: 3 } as const;
  const isGrey = random.next() < 0.2;
  adjust(pixels, shape, {
    brightness: random.between(-0.2, 0.2),
    contrast: random.between(0.65, 1.35),
    saturation: isGrey ? 0 : random.between(0.6, 1.4),
  });
  if (random.next() < 0.15) coarsen(pixels, shape, 2 + random.below(2));
  if (random.next() < 0.3) erase(pixels, shape, random);
}

/** Samples bilinearly. Beyond the photo is black, as warpPhoto() has it, or the pixels of its edge go on. */
function cut({ data, width, height }: RawImage, toPhoto: Affine, pixels: Float32Array, edgeGoesOn: boolean): void {
  const [a, b, c, d, e, f] = toPhoto;
  for (let i = 0, at = 0; i < LANDMARK_SIDE; i++)
    for (let j = 0; j < LANDMARK_SIDE; j++, at += 3) {
      const [fromX, fromY] = [a * j + b * i + c, d * j + e * i + f];
      if (!edgeGoesOn && (fromX <= -1 || fromY <= -1 || fromX >= width || fromY >= height)) {
        pixels.fill(0, at, at + 3);
        continue;
      }
      const x = Math.max(0, Math.min(width - 1, fromX));
      const y = Math.max(0, Math.min(height - 1, fromY));
      const [left, top] = [Math.floor(x), Math.floor(y)];
      const [u, v] = [x - left, y - top];
      const upper = 4 * (top * width + left);
      const next = left < width - 1 ? 4 : 0;
      const lower = top < height - 1 ? upper + 4 * width : upper;
      for (let k = 0; k < 3; k++)
        pixels[at + k] =
          ((1 - v) * ((1 - u) * data[upper + k] + u * data[upper + next + k]) +
            v * ((1 - u) * data[lower + k] + u * data[lower + next + k])) /
          255;
    }
}
