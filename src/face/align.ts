import type { Box } from './boxes';

/** A point in pixels; pixel centres are whole numbers. */
export type Point = [x: number, y: number];

/** How many landmarks of a face iBUG's scheme has. */
export const LANDMARK_COUNT = 68;

/** x' = a*x + b*y + c, y' = d*x + e*y + f, in this order. */
export type Affine = [a: number, b: number, c: number, d: number, e: number, f: number];

/** Where a face's points belong in an aligned chip, and which of the 68 landmarks they are the mean of. */
export interface Template {
  side: number;
  points: readonly Point[];
  landmarks: readonly (readonly number[])[];
  /** Where the five points belong: middles of the eyes, tip of the nose, corners of the mouth. */
  five: readonly Point[];
}

/** In place of a template: the upright face's box, so much wider and higher on each side, made square. */
export interface BoxCrop {
  side: number;
  /** A share of the box's own width and height. */
  margin: number;
}

/** What a face is aligned by: five points, or some of the 68. */
export type Aligner = 'five' | 'sixty-eight';

/**
 * dlib's five-point template at 150x150, padding 0.25: what its face ResNet was trained on. `five` are the medians of
 * where the labelled points of the landmark network's training photos lie in chips aligned by the 68, made symmetric.
 */
export const DLIB_TEMPLATE: Template = {
  side: 150,
  points: [
    [37.06, 46.37],
    [58.41, 47.91],
    [89.61, 47.9],
    [110.96, 46.35],
    [74.01, 87.78],
  ],
  landmarks: [[36], [39], [42], [45], [33]], // corners of the eyes from left to right, base of the nose
  five: [
    [47.52, 47.72],
    [100.5, 47.72],
    [74.01, 81.11],
    [51.07, 104.45],
    [96.95, 104.45],
  ],
};

const ARCFACE_POINTS: readonly Point[] = [
  [38.2946, 51.6963],
  [73.5318, 51.5014],
  [56.0252, 71.7366],
  [41.5493, 92.3655],
  [70.7299, 92.2041],
];

/** ArcFace's five-point template at 112x112 (Deng et al. 2019; InsightFace). */
export const ARCFACE_TEMPLATE: Template = {
  side: 112,
  points: ARCFACE_POINTS,
  five: ARCFACE_POINTS,
  landmarks: [[36, 37, 38, 39, 40, 41], [42, 43, 44, 45, 46, 47], [30], [48], [54]], // eyes, tip of the nose, mouth corners
};

/** How much larger than in ArcFace's chip a face is where only its upper half matters, and where its eyes then lie. */
const UPPER = { zoom: 1.25, eyes: 80 };
const ARCFACE_EYES = centroid(ARCFACE_POINTS.slice(0, 2));

const towardsUpper = ([x, y]: Point): Point => [
  (ARCFACE_TEMPLATE.side - 1) / 2 + UPPER.zoom * (x - ARCFACE_EYES[0]),
  UPPER.eyes + UPPER.zoom * (y - ARCFACE_EYES[1]),
];

/**
 * 112x112 from the hair to the tip of the nose, what a mask leaves visible: by the same landmarks as ArcFace's, those of
 * the mouth included, which lie below the chip.
 */
export const UPPER_TEMPLATE: Template = {
  ...ARCFACE_TEMPLATE,
  points: ARCFACE_POINTS.map(towardsUpper),
  five: ARCFACE_POINTS.map(towardsUpper),
};

/** By the names that options have. */
export const TEMPLATES = { dlib: DLIB_TEMPLATE, arcface: ARCFACE_TEMPLATE, upper: UPPER_TEMPLATE } as const;

/** What a network sees of a face: all of it (ArcFace's template), or what lies above a mask. */
export type Focus = 'whole' | 'upper';
export const templateOf = (focus: Focus): Template => (focus === 'upper' ? UPPER_TEMPLATE : ARCFACE_TEMPLATE);

/**
 * The similarity (rotation, uniform scale, translation; no mirror) that brings `source` closest to `target` in the
 * sense of least squares: Umeyama 1991, equations 34 to 43, in two dimensions.
 *
 * With centred points p (source) and q (target), the rotation by angle t and scale s that minimise
 * sum |q - s R(t) p|^2 have s cos t = sum(p . q) / sum |p|^2 and s sin t = sum(p x q) / sum |p|^2: in the plane the
 * singular value decomposition of the covariance reduces to these two sums, and a rank-deficient covariance (all
 * points on a line) needs no case of its own.
 *
 * @param source two or more points, not all the same
 * @throws Error when the source points coincide
 */
export function umeyama(source: readonly Point[], target: readonly Point[]): Affine {
  const [sx, sy] = centroid(source);
  const [tx, ty] = centroid(target);
  let dot = 0;
  let cross = 0;
  let squares = 0;
  source.forEach(([x, y], i) => {
    const [px, py] = [x - sx, y - sy];
    const [qx, qy] = [target[i][0] - tx, target[i][1] - ty];
    dot += px * qx + py * qy;
    cross += px * qy - py * qx;
    squares += px * px + py * py;
  });
  if (!(squares > 0)) throw new Error('align: the points of the face coincide');
  const cosine = dot / squares;
  const sine = cross / squares;
  return [cosine, -sine, tx - cosine * sx + sine * sy, sine, cosine, ty - sine * sx - cosine * sy];
}

export function centroid(points: readonly Point[]): Point {
  const sum = points.reduce(([x, y], [px, py]) => [x + px, y + py], [0, 0]);
  return [sum[0] / points.length, sum[1] / points.length];
}

/** The map that undoes another. @throws Error when the map flattens the plane */
export function invert([a, b, c, d, e, f]: Affine): Affine {
  const determinant = a * e - b * d;
  if (determinant === 0) throw new Error('align: the transform cannot be undone');
  return [
    e / determinant,
    -b / determinant,
    (b * f - c * e) / determinant,
    -d / determinant,
    a / determinant,
    (c * d - a * f) / determinant,
  ];
}

export const apply = ([a, b, c, d, e, f]: Affine, [x, y]: Point): Point => [a * x + b * y + c, d * x + e * y + f];

/**
 * The map from a chip's pixels to the photo's, for a face with five points or 68 landmarks.
 *
 * @param landmarks 5 or 68 points in pixels of the photo
 */
export function chipTransform(landmarks: readonly Point[], template: Template): Affine {
  if (landmarks.length === template.five.length) return invert(umeyama(landmarks, template.five));
  const source = template.landmarks.map((group) => centroid(group.map((k) => landmarks[k])));
  return invert(umeyama(source, template.points));
}

/**
 * How far apart two maps from a chip to a photo are: the mean distance of where they put the five points, as a share of
 * the distance between the eyes where the second puts them.
 */
export function distanceApart(first: Affine, second: Affine, { five }: Template): number {
  const places = five.map((point) => [apply(first, point), apply(second, point)] as const);
  const [[, left], [, right]] = places;
  const total = places.reduce((sum, [[ax, ay], [bx, by]]) => sum + Math.hypot(ax - bx, ay - by), 0);
  return total / five.length / Math.hypot(left[0] - right[0], left[1] - right[1]);
}

/** The map from a chip's pixels to the photo's, for a face with a box: it is stretched where the box is no square. */
export function boxTransform([x, y, width, height]: Box, { side, margin }: BoxCrop): Affine {
  const stepX = ((1 + 2 * margin) * width) / side;
  const stepY = ((1 + 2 * margin) * height) / side;
  return [stepX, 0, x - margin * width + stepX / 2 - 0.5, 0, stepY, y - margin * height + stepY / 2 - 0.5];
}

/** The same chip, mirrored left to right. */
export function mirrored([a, b, c, d, e, f]: Affine, side: number): Affine {
  return [-a, b, c + a * (side - 1), -d, e, f + d * (side - 1)];
}
