import type { Random } from '../tensor/random';
import { centroid, type Point } from './align';
import { coarsen, place } from './augment';
import type { RawImage } from './image';
import { drawMask, type MaskWearing, randomMask } from './mask';
import { imageOf } from './pixels';

/*
 * What befalls photos in practice, applied to a photo before a face is looked for. Lengths are in shares of the distance
 * between the eyes where the photo's size would else decide how strong a condition is.
 */

/** Where a face lies in the photo as it was: 68 points; see `Face`. */
export type Landmarks = readonly Point[];

export interface Condition {
  /** What `strengths` are. */
  unit: string;
  /** From weak to strong. */
  strengths: readonly number[];
  apply(photo: RawImage, landmarks: Landmarks, strength: number, random: Random): RawImage | Promise<RawImage>;
  /** Of how it is drawn: embeddings that are kept of another version are not taken. Default 1. */
  version?: number;
  /** The face stays where it was, and one that is found elsewhere is somebody else's. Default false. */
  staysInPlace?: boolean;
}

/**
 * Each by its name: a Gaussian's deviation, pixels between the eyes, darkening in stops (2: a quarter of the light), the
 * deviation of noise, quality of a JPEG, a turn to either side, dark bars over the eyes or the mouth by their height, and
 * a dark corner of the face by the share of its sides (0.5: a quarter of the face); and a drawn mask of any kind, by how it is
 * worn.
 */
export const CONDITIONS: Readonly<Record<string, Condition>> = {
  blur: {
    unit: "of the eyes' distance",
    strengths: [0.03, 0.06, 0.09, 0.12],
    apply: (photo, landmarks, strength) => blur(photo, strength * eyeDistance(landmarks)),
  },
  'low-resolution': {
    unit: 'pixels between the eyes',
    strengths: [20, 14, 10, 7],
    apply: (photo, landmarks, strength) => lower(photo, Math.max(1, Math.round(eyeDistance(landmarks) / strength))),
  },
  darkness: {
    unit: 'stops',
    strengths: [0.5, 1, 1.5, 2, 3],
    apply: (photo, _, strength) => eachValue(photo, (value) => value / 2 ** strength),
  },
  noise: {
    unit: 'of 255',
    strengths: [10, 20, 40, 80],
    apply: (photo, _, strength, random) => eachValue(photo, (value) => value + strength * random.normal()),
  },
  jpeg: { unit: 'quality', strengths: [50, 20, 10, 5], apply: (photo, _, strength) => recompress(photo, strength) },
  rotation: {
    unit: 'degrees',
    strengths: [15, 30, 45, 60],
    apply: (photo, _, strength, random) => turn(photo, random.next() < 0.5 ? -strength : strength),
  },
  eyes: {
    unit: "of the eyes' distance high",
    strengths: [0.2, 0.4, 0.6],
    apply: (photo, landmarks, strength) => bar(photo, landmarks, middleOf(landmarks, EYES), strength),
  },
  mouth: {
    unit: "of the eyes' distance high",
    strengths: [0.3, 0.6, 0.9],
    apply: (photo, landmarks, strength) => bar(photo, landmarks, middleOf(landmarks, MOUTH), strength),
  },
  quarter: {
    unit: 'of the sides',
    strengths: [0.3, 0.4, 0.5],
    apply: (photo, landmarks, strength, random) => corner(photo, landmarks, strength, random.below(4)),
  },
  masks: {
    unit: 'of 3: under chin, under nose, full',
    strengths: [1, 2, 3],
    apply: (photo, landmarks, strength, random) =>
      drawMask(photo, landmarks, randomMask(random, { wearing: WORN[strength - 1] })),
    version: 1,
    staysInPlace: true,
  },
};

/** From weak to strong. */
const WORN: readonly MaskWearing[] = ['chin', 'nose', 'full'];

const EYES = [36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47];
const MOUTH = [48, 51, 54, 57];
/** Not black: no detector should be told by a colour that no other pixel has. */
const DARK = 20;

const middleOf = (landmarks: Landmarks, places: readonly number[]): Point => centroid(places.map((k) => landmarks[k]));

/** Between the middles of the two eyes, in pixels. */
export function eyeDistance(landmarks: Landmarks): number {
  const [left, right] = [middleOf(landmarks, EYES.slice(0, 6)), middleOf(landmarks, EYES.slice(6))];
  return Math.hypot(right[0] - left[0], right[1] - left[1]);
}

/** A copy whose colours are changed one by one, rounded and cut to bytes. */
function eachValue({ width, height, data }: RawImage, change: (value: number) => number): RawImage {
  const changed = new Uint8ClampedArray(data);
  for (let at = 0; at < changed.length; at++) if (at % 4 !== 3) changed[at] = change(changed[at]);
  return { width, height, data: changed };
}

/** Numbers 0 to 255, [height, width, 3]. */
function numbersOf({ data }: RawImage): Float32Array {
  const numbers = new Float32Array((data.length / 4) * 3);
  for (let pixel = 0; 4 * pixel < data.length; pixel++)
    for (let k = 0; k < 3; k++) numbers[3 * pixel + k] = data[4 * pixel + k];
  return numbers;
}

/** A Gaussian along rows, then along columns; beyond the edge its pixels go on. */
function blur(photo: RawImage, deviation: number): RawImage {
  const reach = Math.ceil(3 * deviation);
  const weights = Array.from({ length: 2 * reach + 1 }, (_, k) => Math.exp(-(((k - reach) / deviation) ** 2) / 2));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const { width, height } = photo;
  const along = (numbers: Float32Array, count: number, step: number, lines: number, lineStep: number) => {
    const result = new Float32Array(numbers.length);
    for (let line = 0; line < lines; line++)
      for (let place = 0; place < count; place++)
        for (let k = 0; k < 3; k++) {
          let sum = 0;
          for (let offset = -reach; offset <= reach; offset++) {
            const from = Math.max(0, Math.min(count - 1, place + offset));
            sum += weights[offset + reach] * numbers[line * lineStep + from * step + k];
          }
          result[line * lineStep + place * step + k] = sum / total;
        }
    return result;
  };
  const rows = along(numbersOf(photo), width, 3, height, 3 * width);
  return imageOf(along(rows, height, 3 * width, width, 3), width, height);
}

/** Blocks of so many pixels a side become one pixel each, and the photo so much smaller. */
function lower(photo: RawImage, block: number): RawImage {
  const { width, height } = photo;
  const numbers = numbersOf(photo);
  coarsen(numbers, { width, height, channels: 3 }, block);
  const [columns, rows] = [Math.ceil(width / block), Math.ceil(height / block)];
  const small = new Float32Array(3 * columns * rows);
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++)
      for (let k = 0; k < 3; k++) small[3 * (y * columns + x) + k] = numbers[3 * (y * block * width + x * block) + k];
  return imageOf(small, columns, rows);
}

/** About the middle, clockwise; what lies beyond the edge is its colour drawn out. */
function turn(photo: RawImage, degrees: number): RawImage {
  const { width, height } = photo;
  const move = { x: 0, y: 0, zoom: 1, angle: (degrees * Math.PI) / 180 };
  return imageOf(place(numbersOf(photo), { width, height, channels: 3 }, move), width, height);
}

/** Through a real encoder and its decoder. */
async function recompress(photo: RawImage, quality: number): Promise<RawImage> {
  const { default: codec } = await import('@jimp/js-jpeg');
  const { encode, decode } = codec();
  const { width, height, data } = decode(encode({ ...photo, data: Buffer.from(photo.data) }, { quality }));
  return { width, height, data: Uint8Array.from(data) };
}

/** Darkens the places of which a function of the offset from `middle`, along and across the eyes' line, says so. */
function darken(
  photo: RawImage,
  landmarks: Landmarks,
  middle: Point,
  isCovered: (along: number, across: number) => boolean,
): RawImage {
  const [left, right] = [middleOf(landmarks, EYES.slice(0, 6)), middleOf(landmarks, EYES.slice(6))];
  const distance = eyeDistance(landmarks);
  const [cosine, sine] = [(right[0] - left[0]) / distance, (right[1] - left[1]) / distance];
  const data = new Uint8ClampedArray(photo.data);
  const { width, height } = photo;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [dx, dy] = [(x - middle[0]) / distance, (y - middle[1]) / distance];
      if (isCovered(cosine * dx + sine * dy, cosine * dy - sine * dx))
        data.fill(DARK, 4 * (y * width + x), 4 * (y * width + x) + 3);
    }
  return { width, height, data };
}

/** As wide as the face, twice the distance between the eyes. */
const bar = (photo: RawImage, landmarks: Landmarks, middle: Point, height: number) =>
  darken(photo, landmarks, middle, (along, across) => Math.abs(along) <= 1 && Math.abs(across) <= height / 2);

/** The face reaches one distance to the left and right of the middle of eyes and mouth, and 1.2 up and down. */
function corner(photo: RawImage, landmarks: Landmarks, side: number, which: number): RawImage {
  const [eyes, mouth] = [middleOf(landmarks, EYES), middleOf(landmarks, MOUTH)];
  const middle: Point = [(eyes[0] + mouth[0]) / 2, (eyes[1] + mouth[1]) / 2];
  const [horizontal, vertical] = [which % 2 === 0 ? 1 : -1, which < 2 ? 1 : -1];
  return darken(photo, landmarks, middle, (along, across) => {
    const [x, y] = [(1 + horizontal * along) / 2, (1.2 + vertical * across) / 2.4]; // 0 to 1 within the face
    return x >= 0 && x <= side && y >= 0 && y <= side;
  });
}
