import type { Point } from './align';
import { fitHomography, type Homography } from './homography';

/*
 * Where a mask lies on a face. Mask and face live in one model: a head of which the middle of the nose's bridge is the
 * origin and the way from there to the bottom of the chin is 1; x goes to the image's right, v down, z out of the face. From
 * above its lower half looks like a parabola, z = D (1 - (x / W)^2). Numbers are medians of 49 frontal photos of LFW, and of
 * depths those of profiles of CFP.
 *
 * A head that is turned by a yaw shows the model turned: X = x cos(yaw) + z sin(yaw), Y = v. The near half is wide, the far
 * half narrow, and what lies behind the silhouette is hidden. That picture of the model is the canonical plane, a variant
 * for each yaw, and a homography takes it to the photo: roll, nod, size, and what a face differs from the median by.
 */

/** Half the width of a head where z = 0, at the ears. */
export const HALF_WIDTH = 0.7;
/** Out from the ears to the middle of the nose's bridge. */
const FACE_DEPTH = 1.05;
/** Beyond this a turned head of the model no longer resembles what landmarks tell: they are guesses then. */
const LARGEST_YAW = (70 * Math.PI) / 180;

/** Heights (v) of the tip of the nose and the lower lip. */
const [NOSE_TIP, LOWER_LIP] = [0.22, 0.654];

const BRIDGE = 28;
const TIP = 30;
const CHIN = 8;
const LIP = 57;
const [JAW_LEFT, JAW_RIGHT] = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8],
  [16, 15, 14, 13, 12, 11, 10, 9, 8],
];

/** A turned head's picture: what of it depends on the yaw, and the map to the photo. */
export interface FaceFrame {
  /** In radians; above 0 the nose points to the image's right. */
  yaw: number;
  /** From the canonical plane to the photo's pixels, and back. */
  toPhoto: Homography;
  toPlane: Homography;
  /** Pixels of the photo that 1 is long, from the bridge of the nose to the chin. */
  unit: number;
}

/**
 * The six points that MaskTheFace (Anwar and Raychowdhury 2020) places a mask by: middle of the nose's bridge, bottom of the
 * chin, and on each side where the jaw is as high as the tip of the nose and as the lower lip.
 *
 * @param landmarks 68 points
 * @returns bridge, chin, left and right at the nose's tip, left and right at the lower lip; the face's own axes
 */
export function controlPoints(landmarks: readonly Point[]): { points: Point[]; across: Point; unit: number } {
  const [bridge, chin] = [landmarks[BRIDGE], landmarks[CHIN]];
  const eyeLine = difference(middle(landmarks, 42, 48), middle(landmarks, 36, 42));
  const down = difference(chin, bridge);
  // Both say which way is across; in profile the eyes are one above the other or nearly, and have little to say.
  const [x, y] = [eyeLine[0] + down[1], eyeLine[1] - down[0]];
  const length = Math.hypot(x, y);
  const across: Point = [x / length, y / length];
  const height = (point: Point) => across[0] * (point[1] - bridge[1]) - across[1] * (point[0] - bridge[0]);
  const jaw = (side: readonly number[], level: number): Point => {
    for (let k = 1; k < side.length; k++) {
      const [upper, lower] = [landmarks[side[k - 1]], landmarks[side[k]]];
      const [from, to] = [height(upper), height(lower)];
      if (level >= from && level < to) return between(upper, lower, (level - from) / (to - from));
    }
    return landmarks[side[level < height(landmarks[side[0]]) ? 0 : side.length - 2]];
  };
  const [tip, lip] = [height(landmarks[TIP]), height(landmarks[LIP])];
  const points = [
    bridge,
    chin,
    jaw(JAW_LEFT, tip),
    jaw(JAW_RIGHT, tip),
    jaw(JAW_LEFT, lip),
    jaw(JAW_RIGHT, lip),
  ] satisfies Point[];
  return { points, across, unit: height(chin) };
}

/** Where the six points are in the canonical plane of a turned head. */
export function controlPointsAt(yaw: number): Point[] {
  return [
    [FACE_DEPTH * Math.sin(yaw), 0],
    [(FACE_DEPTH - 0.03) * Math.sin(yaw), 1],
    [outlineAt(yaw, -0.668), NOSE_TIP],
    [outlineAt(yaw, 0.668), NOSE_TIP],
    [outlineAt(yaw, -0.542), LOWER_LIP],
    [outlineAt(yaw, 0.542), LOWER_LIP],
  ];
}

/** X of a place of the face's parabola; of one that is hidden that of the silhouette, since landmarks slide along it. */
function outlineAt(yaw: number, x: number): number {
  const [c, s] = [Math.cos(yaw), FACE_DEPTH * Math.sin(yaw)];
  const isHidden = c - (2 * s * x) / HALF_WIDTH ** 2 < 0; // dX / dx
  return isHidden ? silhouette(c, s) : x * c + s * (1 - (x / HALF_WIDTH) ** 2);
}

/**
 * X of the far edge of a turned parabola: X = x c + D s (1 - x^2 / W^2) is largest, or with s < 0 smallest, where
 * x = c W^2 / (2 D s).
 *
 * @param c     the cosine of the yaw
 * @param depth D s: the parabola's depth times the sine of the yaw
 */
export const silhouette = (c: number, depth: number): number => depth + (c * HALF_WIDTH) ** 2 / (4 * depth);

/**
 * How far a head is turned: by how much the middle of the face is nearer to one side of the jaw than to the other. The model
 * says how much that is at any yaw, the more the farther it is turned, so halving finds the yaw.
 */
export function yawOf(landmarks: readonly Point[]): number {
  const { points, across } = controlPoints(landmarks);
  return yawFrom(asymmetry(points.map(([x, y]): Point => [x * across[0] + y * across[1], 0])));
}

function yawFrom(seen: number): number {
  let [low, high] = [-LARGEST_YAW, LARGEST_YAW];
  for (let step = 0; step < 20; step++) {
    const yaw = (low + high) / 2;
    if (asymmetry(controlPointsAt(yaw)) < seen) low = yaw;
    else high = yaw;
  }
  return (low + high) / 2;
}

/** Of the six points: 0 of a frontal face, 1 where the middle lies on the image-right edge, -1 on the left one. */
function asymmetry([bridge, chin, left, right]: readonly Point[]): number {
  return (bridge[0] + chin[0] - left[0] - right[0]) / (right[0] - left[0]);
}

/** @throws Error when the landmarks are not 68, or no face: all in one place, say, or on a line */
export function faceFrame(landmarks: readonly Point[]): FaceFrame {
  if (landmarks.length !== 68) throw new Error(`a mask needs the 68 landmarks of a face, not ${landmarks.length}`);
  const frame = frameOf(landmarks);
  if (!frame)
    throw new Error(
      'the landmarks are no face that a mask could be drawn on: they lie in one place, on a line or nowhere',
    );
  return frame;
}

/** Whether they are the 68 points of a face that a mask fits on. */
export const fitsMask = (landmarks: readonly Point[]): boolean =>
  landmarks.length === 68 && frameOf(landmarks) !== undefined;

function frameOf(landmarks: readonly Point[]): FaceFrame | undefined {
  const { points, unit } = controlPoints(landmarks);
  if (!(unit > 0) || !landmarks.flat().every(Number.isFinite)) return undefined;
  const yaw = yawOf(landmarks);
  const plane = controlPointsAt(yaw);
  try {
    return { yaw, toPhoto: fitHomography(plane, points), toPlane: fitHomography(points, plane), unit };
  } catch {
    return undefined; // three of the points on a line
  }
}

const difference = (a: Point, b: Point): Point => [a[0] - b[0], a[1] - b[1]];
const between = (a: Point, b: Point, share: number): Point => [
  a[0] + share * (b[0] - a[0]),
  a[1] + share * (b[1] - a[1]),
];

function middle(landmarks: readonly Point[], from: number, to: number): Point {
  let [x, y] = [0, 0];
  for (let k = from; k < to; k++) {
    x += landmarks[k][0] / (to - from);
    y += landmarks[k][1] / (to - from);
  }
  return [x, y];
}

/**
 * Where a place of a face's surface is in the canonical plane; nothing where the turn of the head hides it.
 * @param depth D of the parabola: more of a mask, which lies on the face
 */
export function toPlanePoint(yaw: number, x: number, v: number, depth = FACE_DEPTH): Point | undefined {
  const [c, s] = [Math.cos(yaw), depth * Math.sin(yaw)];
  if (c - (2 * s * x) / HALF_WIDTH ** 2 <= 0.1) return undefined; // dX / dx
  return [x * c + s * (1 - (x / HALF_WIDTH) ** 2), v];
}
