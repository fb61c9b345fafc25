import type { OnnxPort } from '../nn/onnx/import';
import type { Point } from './align';
import type { Box } from './boxes';
import type { FoundFace } from './detect';
import type { NamedOutput, Size } from './image-network';
import type { Preprocessing } from './preprocessing';

/*
 * What the last layers of well-known face detectors mean: from the numbers of one picture to boxes, scores and points.
 */

/** How a photo is laid on the network's input, and what its numbers mean. */
export interface Head {
  /** Whether a file's outputs look like this head's. */
  matches(outputs: readonly Pick<OnnxPort, 'shape'>[]): boolean;
  /** Whether outputs like these tell five points for each face. */
  hasPoints(outputs: readonly Pick<OnnxPort, 'shape'>[]): boolean;
  /** What 0 and 255 become. */
  range: Preprocessing['range'];
  channels: 'RGB' | 'BGR';
  /**
   * 'corner', 'middle': the whole photo in its proportions, in the upper left or the middle of the input; what is left is
   * filled. 'stretch': over the whole input.
   */
  fit: 'corner' | 'middle' | 'stretch';
  /** What the rest of the input is filled with, 0 to 255. */
  filling: number;
  /** The size of the input, where the file leaves it open. */
  usual: Size;
  /**
   * @param outputs for one picture
   * @param input the size of the input
   * @returns faces that are surer than `minimumScore`, in pixels of the input
   */
  decode(outputs: readonly NamedOutput[], input: Size, minimumScore: number): FoundFace[];
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** A box by its corners. */
const between = (left: number, top: number, right: number, bottom: number): Box => [
  left,
  top,
  right - left,
  bottom - top,
];

/** A box by its middle. */
const around = (x: number, y: number, width: number, height: number): Box => [
  x - width / 2,
  y - height / 2,
  width,
  height,
];

const fivePoints = (point: (k: number) => Point): Point[] => Array.from({ length: 5 }, (_, k) => point(k));

/** How many outputs have so many numbers in each row. */
const countOf = (outputs: readonly Pick<OnnxPort, 'shape'>[], columns: number): number =>
  outputs.filter(({ shape }) => shape.at(-1) === columns).length;

/** The outputs with so many numbers a row, finest grid first: files differ in order and names, and in the batch. */
function gridsOf(outputs: readonly NamedOutput[], columns: number): Float32Array[] {
  return outputs
    .filter(({ shape }) => shape.at(-1) === columns)
    .map(({ values }) => values)
    .sort((a, b) => b.length - a.length);
}

/** The finest grid has a cell for every 8 pixels, each further one half as many in a row. */
const FINEST_STRIDE = 8;

/** Calls back with each cell of a grid, row by row. */
function forEachCell({ width, height }: Size, stride: number, visit: (at: number, x: number, y: number) => void): void {
  const columns = Math.ceil(width / stride);
  const rows = Math.ceil(height / stride);
  for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) visit(y * columns + x, x, y);
}

/** How many rows there are for each cell of a grid. @throws Error when the grid is of another input's size */
function anchorsOf(scores: Float32Array, { width, height }: Size, stride: number): number {
  const anchors = scores.length / (Math.ceil(width / stride) * Math.ceil(height / stride));
  if (Number.isInteger(anchors) && anchors > 0) return anchors;
  throw new Error(
    `the detector: ${scores.length} scores are no grid of stride ${stride} for ${width}x${height} pixels`,
  );
}

/**
 * SCRFD (Guo et al. 2021; InsightFace's `scrfd.py`): for each grid, with strides s of 8, 16, 32 (and perhaps 64, 128),
 * outputs of 1, 4 and perhaps 10 columns and one or two anchors at each cell. A cell's place is its upper left corner
 * (x s, y s); the four are distances to the box's left, top, right and bottom, the ten offsets of points, all in s.
 */
const scrfd: Head = {
  matches: (outputs) => {
    const [scores, boxes, points] = [countOf(outputs, 1), countOf(outputs, 4), countOf(outputs, 10)];
    return (
      (scores === 3 || scores === 5) &&
      boxes === scores &&
      (points === scores || points === 0) &&
      outputs.length === scores + boxes + points
    );
  },
  hasPoints: (outputs) => countOf(outputs, 10) > 0,
  range: [-127.5 / 128, 127.5 / 128],
  channels: 'RGB',
  fit: 'corner',
  filling: 0,
  usual: { width: 640, height: 640 },
  decode(outputs, input, minimumScore) {
    const [scores, boxes, points] = [gridsOf(outputs, 1), gridsOf(outputs, 4), gridsOf(outputs, 10)];
    const found: FoundFace[] = [];
    for (const [level, sure] of scores.entries()) {
      const stride = FINEST_STRIDE << level;
      const anchors = anchorsOf(sure, input, stride);
      forEachCell(input, stride, (cell, x, y) => {
        for (let at = cell * anchors; at < (cell + 1) * anchors; at++) {
          const score = sure[at];
          if (!(score > minimumScore)) continue;
          const [left, top, right, bottom] = boxes[level].subarray(4 * at, 4 * at + 4);
          const offsets = points[level];
          found.push({
            box: between((x - left) * stride, (y - top) * stride, (x + right) * stride, (y + bottom) * stride),
            score,
            ...(offsets && {
              points: fivePoints((k) => [
                (x + offsets[10 * at + 2 * k]) * stride,
                (y + offsets[10 * at + 2 * k + 1]) * stride,
              ]),
            }),
          });
        }
      });
    }
    return found;
  },
};

/**
 * YuNet (Wu et al. 2023; OpenCV's `face_detect.cpp`): for each grid, with strides s of 8, 16 and 32, two outputs of 1
 * column, whether it is a face and whether there is an object, and one each of 4 and 10. Score sqrt(face * object); box
 * centre (x + dx, y + dy) s, sides s e^dw and s e^dh; points (x + px, y + py) s.
 */
const yunet: Head = {
  matches: (outputs) =>
    outputs.length === 12 && countOf(outputs, 1) === 6 && countOf(outputs, 4) === 3 && countOf(outputs, 10) === 3,
  hasPoints: () => true,
  range: [0, 255],
  channels: 'BGR',
  fit: 'corner',
  filling: 0,
  usual: { width: 640, height: 640 },
  decode(outputs, input, minimumScore) {
    const limited = (value: number) => Math.max(0, Math.min(1, value));
    const scores = gridsOf(outputs, 1); // two of each stride; which is which does not change their product
    const [boxes, points] = [gridsOf(outputs, 4), gridsOf(outputs, 10)];
    const found: FoundFace[] = [];
    for (const [level, offsets] of boxes.entries()) {
      const stride = FINEST_STRIDE << level;
      anchorsOf(scores[2 * level], input, stride);
      forEachCell(input, stride, (at, x, y) => {
        const score = Math.sqrt(limited(scores[2 * level][at]) * limited(scores[2 * level + 1][at]));
        if (!(score > minimumScore)) return;
        const [dx, dy, dw, dh] = offsets.subarray(4 * at, 4 * at + 4);
        const places = points[level];
        found.push({
          box: around((x + dx) * stride, (y + dy) * stride, Math.exp(dw) * stride, Math.exp(dh) * stride),
          score,
          points: fivePoints((k) => [
            (x + places[10 * at + 2 * k]) * stride,
            (y + places[10 * at + 2 * k + 1]) * stride,
          ]),
        });
      });
    }
    return found;
  },
};

/**
 * UltraFace, slim and RFB (Linzaer's Ultra-Light-Fast-Generic-Face-Detector-1MB, `detect_imgs_onnx.py`): boxes [n, 4] are
 * left, top, right and bottom as shares of the input, scores [n, 2] of nobody and of a face. It has no points.
 */
const ultraface: Head = {
  matches: (outputs) => outputs.length === 2 && countOf(outputs, 2) === 1 && countOf(outputs, 4) === 1,
  hasPoints: () => false,
  range: [-127 / 128, 1],
  channels: 'RGB',
  fit: 'stretch',
  filling: 0,
  usual: { width: 320, height: 240 },
  decode(outputs, { width, height }, minimumScore) {
    const [[scores], [boxes]] = [gridsOf(outputs, 2), gridsOf(outputs, 4)];
    const found: FoundFace[] = [];
    for (let at = 0; 4 * at < boxes.length; at++) {
      const score = scores[2 * at + 1];
      if (!(score > minimumScore)) continue;
      const [left, top, right, bottom] = boxes.subarray(4 * at, 4 * at + 4);
      found.push({ box: between(left * width, top * height, right * width, bottom * height), score });
    }
    return found;
  },
};

/** Columns of YOLOv5-face: middle x, y, width, height, object, five points, face. */
const YOLO5 = { columns: 16, points: 5, face: 15 };
/** Rows of YOLOv8-face: middle x, y, width, height, face, and no, two or three numbers for each of five points. */
const YOLO8_ROWS = [5, 15, 20];
/** Channels of YOLOv8-face's grids before they are decoded: four distances of 16 bins each, face, points of three. */
const BINS = 16;
const YOLO8_CHANNELS = [4 * BINS + 1, 4 * BINS + 16];

const isYolo5 = ({ shape }: Pick<OnnxPort, 'shape'>) => shape.at(-1) === YOLO5.columns && shape.length <= 3;
const isYolo8 = ({ shape }: Pick<OnnxPort, 'shape'>) => shape.length === 3 && YOLO8_ROWS.includes(shape[1] ?? 0);
const isYolo8Grid = ({ shape }: Pick<OnnxPort, 'shape'>) =>
  shape.length === 4 && YOLO8_CHANNELS.includes(shape[1] ?? 0);

/**
 * YOLOv5-face (Qi et al. 2021; deepcam-cn's `yolo.py`) as one output [n, 16] in pixels of the input, and YOLOv8-face
 * (derronqi's `head.py`), either as one output [5, 15 or 20, n] in pixels, or as the grids that it is decoded from.
 */
const yoloFace: Head = {
  matches: (outputs) =>
    (outputs.length === 1 && (isYolo5(outputs[0]) || isYolo8(outputs[0]))) ||
    (outputs.length === 3 && outputs.every(isYolo8Grid)),
  hasPoints: ([output]) =>
    isYolo5(output) || (output.shape[1] !== YOLO8_ROWS[0] && output.shape[1] !== YOLO8_CHANNELS[0]),
  range: [0, 1],
  channels: 'RGB',
  fit: 'middle',
  filling: 114,
  usual: { width: 640, height: 640 },
  decode(outputs, _, minimumScore) {
    const [first] = outputs;
    if (isYolo5(first)) return decodeYolo5(first.values, minimumScore);
    if (isYolo8(first)) return decodeYolo8(first, minimumScore);
    return decodeYolo8Grids(outputs, minimumScore);
  },
};

function decodeYolo5(values: Float32Array, minimumScore: number): FoundFace[] {
  const found: FoundFace[] = [];
  for (let at = 0; at < values.length; at += YOLO5.columns) {
    const [x, y, width, height, object] = values.subarray(at, at + 5);
    const score = object * values[at + YOLO5.face];
    if (!(score > minimumScore)) continue;
    const first = at + YOLO5.points;
    const points = fivePoints((k) => [values[first + 2 * k], values[first + 2 * k + 1]]);
    found.push({ box: around(x, y, width, height), score, points });
  }
  return found;
}

function decodeYolo8({ shape, values }: NamedOutput, minimumScore: number): FoundFace[] {
  const [, rows, count] = shape;
  const each = (rows - YOLO8_ROWS[0]) / 5; // x, y, and perhaps whether the point can be seen
  const found: FoundFace[] = [];
  for (let at = 0; at < count; at++) {
    const row = (k: number) => values[k * count + at];
    const score = row(4);
    if (!(score > minimumScore)) continue;
    found.push({
      box: around(row(0), row(1), row(2), row(3)),
      score,
      ...(each > 0 && { points: fivePoints((k): Point => [row(5 + each * k), row(6 + each * k)]) }),
    });
  }
  return found;
}

// Distances from the middle of the cell to the box's sides are expectations over 16 bins (Li et al. 2020, equation 5):
// d = sum over k of k softmax(z)[k]. Points are twice the number away from the cell's corner. All in strides.
function decodeYolo8Grids(outputs: readonly NamedOutput[], minimumScore: number): FoundFace[] {
  const finestFirst = [...outputs].sort((a, b) => b.values.length - a.values.length);
  return finestFirst.flatMap(({ shape: [, channels, height, width], values }, level) => {
    const stride = FINEST_STRIDE << level;
    const hasPoints = channels > YOLO8_CHANNELS[0];
    const found: FoundFace[] = [];
    forEachCell({ width, height }, 1, (at, x, y) => {
      const channel = (k: number) => values[k * width * height + at];
      const score = sigmoid(channel(4 * BINS));
      if (!(score > minimumScore)) return;
      const distance = (side: number) => expectation(Array.from({ length: BINS }, (_, k) => channel(side * BINS + k)));
      const [middleX, middleY] = [x + 0.5, y + 0.5];
      const point = (k: number): Point => {
        const from = 4 * BINS + 1 + 3 * k;
        return [(x + 2 * channel(from)) * stride, (y + 2 * channel(from + 1)) * stride];
      };
      found.push({
        box: between(
          (middleX - distance(0)) * stride,
          (middleY - distance(1)) * stride,
          (middleX + distance(2)) * stride,
          (middleY + distance(3)) * stride,
        ),
        score,
        ...(hasPoints && { points: fivePoints(point) }),
      });
    });
    return found;
  });
}

/** Of 0, 1, 2 and so on, each as likely as softmax says. */
function expectation(logits: readonly number[]): number {
  const largest = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - largest));
  const total = weights.reduce((sum, weight) => sum + weight);
  return weights.reduce((sum, weight, k) => sum + weight * k, 0) / total;
}

const HEADS = { SCRFD: scrfd, YuNet: yunet, UltraFace: ultraface, 'YOLO-face': yoloFace } satisfies Record<
  string,
  Head
>;

/** The head that a network's outputs belong to. @throws Error that names those that are known */
export function headOf(outputs: readonly Pick<OnnxPort, 'shape'>[], file: string): Head {
  const head = Object.values(HEADS).find(({ matches }) => matches(outputs));
  if (head) return head;
  const told = outputs.map(({ shape }) => `[${shape.map((side) => side ?? '?').join(', ')}]`).join(', ');
  throw new Error(
    `${file}: its outputs ${told} are not those of ${Object.keys(HEADS).join(', ')}, which are known here`,
  );
}
