import type { Point } from '../../src/face/align';

/** The left half and the middle of a face's 68 points, the medians of frontal photos: x, and y from the bridge of the nose (0) to the chin (1). */
const JAW: Point[] = [
  [-0.71, -0.09],
  [-0.69, 0.09],
  [-0.66, 0.27],
  [-0.64, 0.43],
  [-0.58, 0.61],
  [-0.48, 0.75],
  [-0.36, 0.84],
  [-0.22, 0.94],
];
const BROW: Point[] = [
  [-0.55, -0.27],
  [-0.47, -0.33],
  [-0.36, -0.34],
  [-0.26, -0.33],
  [-0.17, -0.3],
];
const EYE: Point[] = [
  [-0.41, -0.13],
  [-0.35, -0.16],
  [-0.26, -0.16],
  [-0.18, -0.12],
  [-0.25, -0.1],
  [-0.34, -0.1],
];
const NOSTRIL: Point[] = [
  [-0.12, 0.29],
  [-0.07, 0.3],
];
const UPPER_LIP: Point[] = [
  [-0.25, 0.53],
  [-0.17, 0.46],
  [-0.06, 0.43],
];
const LOWER_LIP: Point[] = [
  [-0.09, 0.65],
  [-0.16, 0.6],
];

const mirrored = (points: readonly Point[]): Point[] => points.map(([x, y]): Point => [-x, y]).reverse();
const flip = ([x, y]: Point): Point => [-x, y];

/** A frontal face. */
export const USUAL_FACE: readonly Point[] = [
  ...JAW,
  [0, 1],
  ...mirrored(JAW),
  ...BROW,
  ...mirrored(BROW),
  [0, -0.12],
  [0, 0],
  [0, 0.11],
  [0, 0.22],
  ...NOSTRIL,
  [0, 0.32],
  ...mirrored(NOSTRIL),
  ...EYE,
  ...[3, 2, 1, 0, 5, 4].map((k) => flip(EYE[k])),
  ...UPPER_LIP,
  [0, 0.45],
  ...mirrored(UPPER_LIP),
  ...mirrored(LOWER_LIP),
  [0, 0.65],
  ...LOWER_LIP,
  [-0.23, 0.53],
  [-0.08, 0.49],
  [0, 0.49],
  [0.08, 0.49],
  [0.23, 0.53],
  [0.08, 0.56],
  [0, 0.57],
  [-0.08, 0.56],
];

/** The face in pixels: its bridge of the nose at a place, `unit` pixels above the chin, turned clockwise by an angle in radians. */
export function faceAt([x, y]: Point, unit: number, angle = 0): Point[] {
  const [cosine, sine] = [unit * Math.cos(angle), unit * Math.sin(angle)];
  return USUAL_FACE.map(
    ([across, down]): Point => [x + across * cosine - down * sine, y + across * sine + down * cosine],
  );
}

/** How far out of the face each point lies, as a head's parabola would have it; the nose stands off it. */
const depthOf = ([x]: Point, k: number): number =>
  k >= 29 && k <= 35 ? 1.2 : k === 28 ? 1.05 : k === 8 ? 1.02 : 1.05 * Math.max(0, 1 - (x / 0.7) ** 2);

/** The same of a head that is turned to the image's right by an angle in radians; the hidden jaw lies along the silhouette. */
export function turnedFaceAt([x, y]: Point, unit: number, yaw: number): Point[] {
  const [cosine, sine] = [Math.cos(yaw), Math.sin(yaw)];
  const far = 1.05 * sine + (0.7 * cosine) ** 2 / (4.2 * sine);
  return USUAL_FACE.map((point, k): Point => {
    const isHidden = k < 17 && cosine < (2.1 * sine * point[0]) / 0.7 ** 2;
    return [x + unit * (isHidden ? far : point[0] * cosine + depthOf(point, k) * sine), y + unit * point[1]];
  });
}
