import { type Box, mergeBoxes, type ScoredBox } from './boxes';
import type { DetectOptions, FaceDetector } from './detect';
import type { HaarCascade } from './haar-cascade';
import type { RawImage } from './image';

/** Each window is so much larger than the one before. */
const SCALE_STEP = 1.1;
/** Without smallFaces, the smallest face that is looked for, as a share of the photo's longest side. */
const SMALLEST_SHARE = 1 / 20;
/** Windows whose sides and corners differ by less than this share of their sides show the same face. */
const GROUPING = 0.2;
/** Of so many windows that agree, the score is a half. OpenCV calls it minNeighbors. */
const NEIGHBOURS = 3;

/**
 * The classic detector (Viola and Jones 2001, "Rapid object detection using a boosted cascade of simple features"), to
 * compare with: a window of growing size goes over the photo, and a cascade of boosted trees on Haar features throws
 * most of it away after a few sums. It finds upright frontal faces.
 *
 * The score is n / (n + 3) for n windows that agree: 0.5, the default of `minimumScore`, means three, as in OpenCV.
 */
export class HaarDetector implements FaceDetector {
  readonly hasPoints = false;
  readonly #cascade: HaarCascade;
  readonly #flat: FlatCascade;

  constructor(cascade: HaarCascade) {
    this.#cascade = cascade;
    this.#flat = flatten(cascade);
  }

  async prepare(): Promise<void> {}

  /** @throws DOMException when the signal stops it */
  async detect(photo: RawImage, options: DetectOptions = {}): Promise<ScoredBox[]> {
    const { minimumScore = 0.5, smallFaces = false, signal } = options;
    const { width, height } = this.#cascade;
    const integral = integralImages(photo);
    const smallest = smallFaces ? 0 : SMALLEST_SHARE * Math.max(photo.width, photo.height);
    const windows: Box[] = [];
    let scale = Math.max(1, smallest / width);
    for (; scale * width <= photo.width && scale * height <= photo.height; scale *= SCALE_STEP) {
      signal?.throwIfAborted();
      windows.push(...this.#look(integral, scale));
    }
    const groups = groupWindows(windows)
      .map(({ box, count }) => ({ box: tighten(box), score: count / (count + NEIGHBOURS) }))
      .filter(({ score }) => score >= minimumScore);
    return mergeBoxes(groups, false); // a small group within a large one
  }

  /** All windows of one size that pass every stage. */
  #look(integral: IntegralImages, scale: number): Box[] {
    const [width, height] = [Math.round(scale * this.#cascade.width), Math.round(scale * this.#cascade.height)];
    const scaled = scaledCascade(this.#cascade, this.#flat, scale, integral.stride);
    const step = Math.max(2, scale); // windows next to each other see nearly the same
    const found: Box[] = [];
    for (let y = 0; y + height < integral.height; y += step)
      for (let x = 0; x + width < integral.width; x += step) {
        const [left, top] = [Math.round(x), Math.round(y)];
        if (passes(scaled, integral, top * integral.stride + left)) found.push([left, top, width, height]);
      }
    return found;
  }

  async dispose(): Promise<void> {}
}

/**
 * Sums over rectangles in four look-ups: S(y, x) = sum of the pixels above and to the left of (x, y), and so the sum
 * over a rectangle is S(bottom, right) - S(top, right) - S(bottom, left) + S(top, left).
 */
export interface IntegralImages {
  width: number;
  height: number;
  /** Numbers a row: width + 1. */
  stride: number;
  /** Of greys, 0 to 255. In a very large photo it wraps around, and the differences are right all the same. */
  sums: Int32Array;
  /** Of their squares. */
  squares: Float64Array;
}

export function integralImages({ width, height, data }: RawImage): IntegralImages {
  const stride = width + 1;
  const sums = new Int32Array(stride * (height + 1));
  const squares = new Float64Array(stride * (height + 1));
  for (let y = 0; y < height; y++) {
    let row = 0;
    let rowSquares = 0;
    for (let x = 0; x < width; x++) {
      const from = 4 * (y * width + x);
      const grey = Math.round(0.299 * data[from] + 0.587 * data[from + 1] + 0.114 * data[from + 2]);
      row += grey;
      rowSquares += grey * grey;
      const at = (y + 1) * stride + x + 1;
      sums[at] = sums[at - stride] + row;
      squares[at] = squares[at - stride] + rowSquares;
    }
  }
  return { width, height, stride, sums, squares };
}

/** Corners of a rectangle as distances from the window's first pixel in an integral image. */
interface Corners {
  topLeft: number;
  topRight: number;
  bottomLeft: number;
  bottomRight: number;
}

/** A cascade's trees as typed arrays, for the inner loop: millions of windows go through it. */
interface FlatCascade {
  stages: readonly { first: number; end: number; threshold: number }[];
  /** Of each tree, its first node and its first leaf. */
  roots: Int32Array;
  leaves: Int32Array;
  /** Of each node; `below` and `above` as HaarNode has them. */
  features: Int32Array;
  thresholds: Float64Array;
  below: Int32Array;
  above: Int32Array;
  /** Of each leaf. */
  values: Float64Array;
}

function flatten({ stages }: HaarCascade): FlatCascade {
  const trees = stages.flatMap((stage) => stage.trees);
  const nodes = trees.flatMap((tree) => tree.nodes);
  const starts = (lengths: readonly number[]) => {
    let sum = 0;
    return lengths.map((length) => {
      sum += length;
      return sum - length;
    });
  };
  const firsts = starts(stages.map((stage) => stage.trees.length));
  return {
    stages: stages.map((stage, k) => ({
      first: firsts[k],
      end: firsts[k] + stage.trees.length,
      threshold: stage.threshold,
    })),
    roots: Int32Array.from(starts(trees.map((tree) => tree.nodes.length))),
    leaves: Int32Array.from(starts(trees.map((tree) => tree.leaves.length))),
    features: Int32Array.from(nodes, ({ feature }) => feature),
    thresholds: Float64Array.from(nodes, ({ threshold }) => threshold),
    below: Int32Array.from(nodes, ({ below }) => below),
    above: Int32Array.from(nodes, ({ above }) => above),
    values: Float64Array.from(trees.flatMap((tree) => tree.leaves)),
  };
}

/** A cascade for windows of one size in one photo. */
interface ScaledCascade {
  cascade: FlatCascade;
  /** For each feature three rectangles of four corners; those it lacks have the weight 0. */
  corners: Int32Array;
  weights: Float64Array;
  /** The window without its outermost pixels, over which the deviation is taken. */
  inner: Corners;
  innerArea: number;
}

const RECTANGLES = 3;

function scaledCascade(cascade: HaarCascade, flat: FlatCascade, scale: number, stride: number): ScaledCascade {
  const corners = new Int32Array(4 * RECTANGLES * cascade.features.length);
  const weights = new Float64Array(RECTANGLES * cascade.features.length);
  const cornersOf = (x: number, y: number, width: number, height: number): Corners => {
    const [left, top] = [Math.round(scale * x), Math.round(scale * y)];
    const [right, bottom] = [left + Math.round(scale * width), top + Math.round(scale * height)];
    return {
      topLeft: top * stride + left,
      topRight: top * stride + right,
      bottomLeft: bottom * stride + left,
      bottomRight: bottom * stride + right,
    };
  };
  const areaOf = (width: number, height: number) => Math.round(scale * width) * Math.round(scale * height);
  const inner = cornersOf(1, 1, cascade.width - 2, cascade.height - 2);
  const innerArea = areaOf(cascade.width - 2, cascade.height - 2);
  for (const [index, feature] of cascade.features.entries()) {
    let others = 0;
    for (const [k, { x, y, width, height, weight }] of feature.entries()) {
      const { topLeft, topRight, bottomLeft, bottomRight } = cornersOf(x, y, width, height);
      corners.set([topLeft, topRight, bottomLeft, bottomRight], 4 * (RECTANGLES * index + k));
      weights[RECTANGLES * index + k] = weight / innerArea;
      if (k > 0) others += weight * areaOf(width, height);
    }
    // Rounding changed the areas: the first rectangle's weight is what makes the feature of an even surface zero.
    weights[RECTANGLES * index] = -others / areaOf(feature[0].width, feature[0].height) / innerArea;
  }
  return { cascade: flat, corners, weights, inner, innerArea };
}

function passes(scaled: ScaledCascade, { sums, squares }: IntegralImages, origin: number): boolean {
  const { cascade, corners, weights, inner, innerArea } = scaled;
  const over = (table: Int32Array | Float64Array) =>
    table[origin + inner.bottomRight] -
    table[origin + inner.topRight] -
    table[origin + inner.bottomLeft] +
    table[origin + inner.topLeft];
  const mean = (over(sums) | 0) / innerArea;
  const variance = over(squares) / innerArea - mean * mean;
  const deviation = variance > 0 ? Math.sqrt(variance) : 1;

  const { stages, roots, leaves, features, thresholds, below, above, values } = cascade;
  for (const { first, end, threshold } of stages) {
    let sum = 0;
    for (let tree = first; tree < end; tree++) {
      let next = 0;
      do {
        const node = roots[tree] + next;
        const feature = features[node];
        let value = 0;
        for (let k = RECTANGLES * feature; k < RECTANGLES * (feature + 1); k++) {
          if (weights[k] === 0) break;
          const at = 4 * k;
          const rectangle =
            sums[origin + corners[at]] -
            sums[origin + corners[at + 1]] -
            sums[origin + corners[at + 2]] +
            sums[origin + corners[at + 3]];
          value += weights[k] * (rectangle | 0);
        }
        next = value < thresholds[node] * deviation ? below[node] : above[node];
      } while (next > 0);
      sum += values[leaves[tree] - next];
    }
    if (sum < threshold) return false;
  }
  return true;
}

/**
 * Windows that show the same face, joined to their mean: all those that are connected by pairs whose corners differ by
 * no more than a fifth of half the smaller sides' sum, as OpenCV's groupRectangles has it.
 */
export function groupWindows(windows: readonly Box[]): { box: Box; count: number }[] {
  const group = windows.map((_, index) => index);
  const rootOf = (index: number): number => {
    while (group[index] !== index) index = group[index];
    return index;
  };
  for (const [i, a] of windows.entries())
    for (let k = 0; k < i; k++) if (areAlike(a, windows[k])) group[rootOf(i)] = rootOf(k);
  const members = new Map<number, Box[]>();
  for (const [index, window] of windows.entries()) {
    const root = rootOf(index);
    members.set(root, [...(members.get(root) ?? []), window]);
  }
  return [...members.values()].map((boxes) => {
    const mean = (k: number) => boxes.reduce((sum, box) => sum + box[k], 0) / boxes.length;
    return { box: [mean(0), mean(1), mean(2), mean(3)], count: boxes.length };
  });
}

function areAlike(a: Box, b: Box): boolean {
  const most = (GROUPING * (Math.min(a[2], b[2]) + Math.min(a[3], b[3]))) / 2;
  return (
    Math.abs(a[0] - b[0]) <= most &&
    Math.abs(a[1] - b[1]) <= most &&
    Math.abs(a[0] + a[2] - b[0] - b[2]) <= most &&
    Math.abs(a[1] + a[3] - b[1] - b[3]) <= most
  );
}

/**
 * From OpenCV's square around brows and mouth to a box from forehead to chin, ear to ear: the median of 560 faces of
 * the landmarks' training photos that the tiny detector finds as well.
 */
const tighten = ([x, y, width, height]: Box): Box => [
  x + 0.115 * width,
  y + 0.05 * height,
  0.77 * width,
  1.055 * height,
];
