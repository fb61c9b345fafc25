import type { Point } from './align';
import { project } from './homography';
import { type FaceFrame, toPlanePoint } from './mask-geometry';
import type { Colour } from './synthetic-paint';

/** A part of a picture in colour: [height, width, 3], 0 to 1, and where in the picture its first pixel is. */
export interface Region {
  left: number;
  top: number;
  width: number;
  height: number;
  values: Float32Array;
}

/** What falls on a face, and what the camera made of it. */
export interface FaceLight {
  /** What white at the middle of the face looks like. */
  white: Colour;
  /** What skin looks like there. */
  skin: Colour;
  /** The logarithm of red, green and blue light grows by so much for each unit to the right, and down. */
  right: Colour;
  down: Colour;
  /** 0 of a grey picture, 1 of one in colours. */
  saturation: number;
  /** The deviation of the blur of the sharpest edges around the eyes, in pixels. */
  blur: number;
  /** The deviation of the noise on the cheeks, 0 to 1. */
  noise: number;
}

/** Places of skin, x and v, in the head's own lengths: forehead, bridge of the nose, cheeks, jaw. */
const SKIN: readonly Point[] = [
  ...grid([-0.3, 0.3], [-0.52, -0.42], 7, 3),
  ...grid([-0.04, 0.04], [-0.1, 0.1], 2, 4),
  ...grid([0.18, 0.52], [0.06, 0.32], 6, 5),
  ...grid([-0.52, -0.18], [0.06, 0.32], 6, 5),
  ...grid([0.3, 0.48], [0.42, 0.6], 3, 3),
  ...grid([-0.48, -0.3], [0.42, 0.6], 3, 3),
];

function grid(x: [number, number], v: [number, number], columns: number, rows: number): Point[] {
  return Array.from(
    { length: columns * rows },
    (_, k): Point => [
      x[0] + ((x[1] - x[0]) * (k % columns)) / (columns - 1),
      v[0] + ((v[1] - v[0]) * Math.floor(k / columns)) / (rows - 1),
    ],
  );
}

/** What skin's red, green and blue are of its luma, and its luma: medians of 150 photos of LFW. */
const SKIN_TINT: Colour = [1.26, 0.92, 0.73];
const SKIN_LUMA = 0.57;
/** The share of what skin is darker or brighter than that, in logarithms, that is taken to be the light's. */
const SHARE_OF_LIGHT = 0.65;

export const luma = (red: number, green: number, blue: number): number => 0.299 * red + 0.587 * green + 0.114 * blue;

/**
 * Light from skin: what skin sends out is its own colour times the light, and both vary. So a part of what skin is darker than
 * usual is taken to be a want of light, and the rest the skin's own; the direction has no such doubt, since skin is alike all
 * over a face. Beards, hair and spectacles are outliers of the fit, which weighs by distance.
 */
export function faceLight(region: Region, frame: FaceFrame, landmarks: readonly Point[]): FaceLight {
  const samples = skinSamples(region, frame);
  const median = (of: (sample: SkinSample) => number) => middleOf(samples.map(of));
  const skin: Colour =
    samples.length === 0
      ? [SKIN_TINT[0] * SKIN_LUMA, SKIN_TINT[1] * SKIN_LUMA, SKIN_TINT[2] * SKIN_LUMA]
      : [median(({ colour }) => colour[0]), median(({ colour }) => colour[1]), median(({ colour }) => colour[2])];
  const grey = Math.max(0.02, luma(...skin));
  const light = Math.min(1.1, Math.max(0.12, (grey / SKIN_LUMA) ** SHARE_OF_LIGHT));
  const saturation = Math.min(1, Math.max(0, (skin[0] - skin[2]) / grey / 0.2));
  const tint = (k: number) =>
    1 + saturation * (Math.min(1.3, Math.max(0.75, skin[k] / grey / SKIN_TINT[k])) ** SHARE_OF_LIGHT - 1);
  const channels = ([0, 1, 2] as const).map((k) =>
    slopes(samples, (sample) => sample.colour[k] / Math.max(0.02, skin[k])),
  );
  return {
    white: [light * tint(0), light * tint(1), light * tint(2)],
    skin,
    right: [channels[0].right, channels[1].right, channels[2].right],
    down: [channels[0].down, channels[1].down, channels[2].down],
    saturation,
    blur: blurOf(region, landmarks, frame.unit),
    noise: noiseOf(region, samples),
  };
}

interface SkinSample {
  x: number;
  v: number;
  colour: Colour;
  /** Place in the region's pixels, inside by one at least. */
  column: number;
  row: number;
}

/** Means of five pixels each, of what is in the picture and not hidden by the head's turn. */
function skinSamples({ left, top, width, height, values }: Region, frame: FaceFrame): SkinSample[] {
  const step = Math.max(1, Math.round(frame.unit * 0.012));
  return SKIN.flatMap(([x, v]) => {
    const place = toPlanePoint(frame.yaw, x, v);
    if (!place) return [];
    const [photoX, photoY] = project(frame.toPhoto, place);
    const [column, row] = [Math.round(photoX) - left, Math.round(photoY) - top];
    if (!(column >= step && row >= step && column < width - step && row < height - step)) return [];
    const mean = (k: number) => {
      const at = 3 * (row * width + column) + k;
      const line = 3 * step * width;
      return (values[at] + values[at - 3 * step] + values[at + 3 * step] + values[at - line] + values[at + line]) / 5;
    };
    const colour: Colour = [mean(0), mean(1), mean(2)];
    return [{ x, v, colour, column, row }];
  });
}

/**
 * The plane a + right x + down v through the samples' logarithms, by weighted least squares with a pull of the slopes to 0,
 * three times over; each time what lies 0.25 off the plane weighs half.
 */
function slopes(
  samples: readonly SkinSample[],
  brightness: (sample: SkinSample) => number,
): { right: number; down: number } {
  const points = samples.map((sample) => {
    const { x, v } = sample;
    return { x, v, log: Math.log(Math.max(0.05, brightness(sample))) };
  });
  let [a, right, down] = [0, 0, 0];
  for (let round = 0; round < 3; round++) {
    let [n, sx, sv, sxx, sxv, svv, sl, sxl, svl] = [1e-6, 0, 0, 1, 0, 3, 0, 0, 0];
    for (const { x, v, log } of points) {
      const weight = 1 / (1 + ((log - a - right * x - down * v) / 0.25) ** 2);
      n += weight;
      sx += weight * x;
      sv += weight * v;
      sxx += weight * x * x;
      sxv += weight * x * v;
      svv += weight * v * v;
      sl += weight * log;
      sxl += weight * x * log;
      svl += weight * v * log;
    }
    // Without the means: two equations for the two slopes.
    const [xx, xv, vv] = [sxx - (sx * sx) / n, sxv - (sx * sv) / n, svv - (sv * sv) / n];
    const [xl, vl] = [sxl - (sx * sl) / n, svl - (sv * sl) / n];
    const determinant = xx * vv - xv * xv;
    right = (vv * xl - xv * vl) / determinant;
    down = (xx * vl - xv * xl) / determinant;
    a = (sl - right * sx - down * sv) / n;
  }
  const within = (value: number, most: number) => Math.max(-most, Math.min(most, value));
  return { right: within(right, 1.2), down: within(down, 0.5) };
}

/**
 * An edge of height h under a Gaussian blur of deviation b rises by h / (b sqrt(2 pi)) a pixel at most. Around the eyes there
 * are always edges; the sharpest tell b.
 */
function blurOf({ left, top, width, height, values }: Region, landmarks: readonly Point[], unit: number): number {
  const eyes = landmarks.slice(36, 48);
  const reach = Math.max(2, Math.round(0.03 * unit));
  const bounds = (axis: 0 | 1, origin: number, limit: number) => {
    const own = eyes.map((point) => point[axis] - origin);
    const margin = 0.05 * unit;
    return [
      Math.max(reach, Math.floor(Math.min(...own) - margin)),
      Math.min(limit - reach - 1, Math.ceil(Math.max(...own) + margin)),
    ];
  };
  const [fromX, toX] = bounds(0, left, width);
  const [fromY, toY] = bounds(1, top, height);
  // Of a large face every second or third line is enough.
  const step = Math.max(1, Math.round(unit / 100));
  const grey = (x: number, y: number) => {
    const at = 3 * (y * width + x);
    return luma(values[at], values[at + 1], values[at + 2]);
  };
  const steepness: number[] = [];
  for (let y = fromY; y <= toY; y += step)
    for (let x = fromX; x <= toX; x++) {
      const rise = Math.abs(grey(x, y + 1) - grey(x, y - 1)) / 2;
      if (rise <= 0.03) continue;
      let [low, high] = [1, 0];
      for (let k = -reach; k <= reach; k++) {
        const value = grey(x, y + k);
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
      // Small ripples are noise and no edges.
      if (high - low > 0.15) steepness.push(rise / (high - low));
    }
  if (steepness.length === 0) return 0.008 * unit;
  // Not the very steepest, which noise makes steeper.
  const steepest = steepness.sort((a, b) => a - b)[Math.floor(0.9 * (steepness.length - 1))];
  const blurred = 1 / (steepest * Math.sqrt(2 * Math.PI));
  // Half a pixel is the pixel itself, and central differences add another half: what a sharp edge comes out as.
  return Math.min(0.03 * unit, Math.sqrt(Math.max(0, blurred ** 2 - 0.8 ** 2)));
}

/** What pixels differ from the mean of their neighbours by, half of which is taken to be pores and not the camera. */
function noiseOf({ width, values }: Region, samples: readonly SkinSample[]): number {
  if (samples.length === 0) return 0;
  const differences = samples.map(({ column, row }) => {
    const at = 3 * (row * width + column) + 1;
    const mean = (values[at - 3] + values[at + 3] + values[at - 3 * width] + values[at + 3 * width]) / 4;
    return Math.abs(values[at] - mean);
  });
  // The median of absolute values is 0.6745 of a Gaussian's deviation; a pixel and four neighbours' mean have 1.118 together.
  return Math.min(0.06, (0.5 * middleOf(differences)) / 0.6745 / 1.118);
}

function middleOf(values: number[]): number {
  const sorted = values.sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}
