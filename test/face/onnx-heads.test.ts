import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Point } from '../../src/face/align';
import type { Box } from '../../src/face/boxes';
import type { FoundFace } from '../../src/face/detect';
import type { NamedOutput, Size } from '../../src/face/image-network';
import { headOf } from '../../src/face/onnx-heads';
import { assertClose, thrown } from '../helpers/numbers';

const test = suite("the last layers of other people's detectors");

const INPUT: Size = { width: 160, height: 96 };
const STRIDES = [8, 16, 32];

/** Known faces, and the stride of the grid that finds each; two of them share a cell of the coarsest. */
const FACES: { box: Box; score: number; stride: number }[] = [
  { box: [12, 20, 14, 18], score: 0.9, stride: 8 },
  { box: [60, 10, 40, 52.5], score: 0.8125, stride: 16 },
  { box: [66, 30, 70, 66], score: 0.625, stride: 32 },
];
/** Of a face's box, as shares of its sides. */
const PLACES: Point[] = [
  [0.3, 0.4],
  [0.7, 0.41],
  [0.52, 0.6],
  [0.35, 0.8],
  [0.66, 0.79],
];
const pointsOf = ([x, y, width, height]: Box): Point[] =>
  PLACES.map(([across, down]) => [x + across * width, y + down * height]);
const middleOf = ([x, y, width, height]: Box): Point => [x + width / 2, y + height / 2];

const logit = (probability: number) => Math.log(probability / (1 - probability));

/** An output of zeros (or of something else), to be filled. */
const output = (name: string, shape: readonly number[], fill = 0): NamedOutput => ({
  name,
  shape,
  values: new Float32Array(shape.reduce((product, side) => product * side, 1)).fill(fill),
});

const grid = (stride: number) => ({ columns: INPUT.width / stride, rows: INPUT.height / stride });

/** The cell that holds the middle of a face. */
function cellOf(box: Box, stride: number) {
  const [x, y] = middleOf(box).map((place) => Math.floor(place / stride));
  return { x, y, at: y * grid(stride).columns + x };
}

interface Encoded {
  name: string;
  outputs: NamedOutput[];
  hasPoints: boolean;
}

// Distances to the sides and offsets of points, from the upper left corner of the cell, in strides.
function scrfd(anchors: number, withPoints: boolean, batch: readonly number[]): Encoded {
  const levels = STRIDES.map((stride) => {
    const { columns, rows } = grid(stride);
    const count = columns * rows * anchors;
    const outputs = {
      scores: output(`${stride}a`, [...batch, count, 1]),
      boxes: output(`${stride}b`, [...batch, count, 4]),
      points: output(`${stride}c`, [...batch, count, 10]),
    };
    for (const face of FACES.filter((one) => one.stride === stride)) {
      const { x, y, at: cell } = cellOf(face.box, stride);
      const at = cell * anchors + (anchors - 1);
      const [left, top, width, height] = face.box;
      outputs.scores.values[at] = face.score;
      outputs.boxes.values.set(
        [x - left / stride, y - top / stride, (left + width) / stride - x, (top + height) / stride - y],
        4 * at,
      );
      outputs.points.values.set(
        pointsOf(face.box).flatMap(([px, py]) => [px / stride - x, py / stride - y]),
        10 * at,
      );
    }
    return outputs;
  });
  const outputs = [
    ...levels.map(({ scores }) => scores),
    ...levels.map(({ boxes }) => boxes),
    ...(withPoints ? levels.map(({ points }) => points) : []),
  ];
  return { name: `SCRFD, ${anchors} anchors, ${outputs.length} outputs`, outputs, hasPoints: withPoints };
}

// Score sqrt(class * object), middle and points from the cell's corner in strides, sides as logarithms.
function yunet(): Encoded {
  const levels = STRIDES.map((stride) => {
    const count = grid(stride).columns * grid(stride).rows;
    const outputs = {
      cls: output(`cls_${stride}`, [1, count, 1]),
      obj: output(`obj_${stride}`, [1, count, 1], 1.5), // more than 1 counts as 1
      bbox: output(`bbox_${stride}`, [1, count, 4]),
      kps: output(`kps_${stride}`, [1, count, 10]),
    };
    for (const { box, score } of FACES.filter((one) => one.stride === stride)) {
      const { x, y, at } = cellOf(box, stride);
      const [middleX, middleY] = middleOf(box);
      outputs.cls.values[at] = score * Math.sqrt(score);
      outputs.obj.values[at] = Math.sqrt(score);
      outputs.bbox.values.set(
        [middleX / stride - x, middleY / stride - y, Math.log(box[2] / stride), Math.log(box[3] / stride)],
        4 * at,
      );
      outputs.kps.values.set(
        pointsOf(box).flatMap(([px, py]) => [px / stride - x, py / stride - y]),
        10 * at,
      );
    }
    return outputs;
  });
  const outputs = (['cls', 'obj', 'bbox', 'kps'] as const).flatMap((kind) => levels.map((level) => level[kind]));
  return { name: 'YuNet', outputs, hasPoints: true };
}

// Corners as shares of the input; the second score is of a face.
function ultraface(): Encoded {
  const scores = output('scores', [1, 9, 2]);
  const boxes = output('boxes', [1, 9, 4]);
  for (const [k, { box, score }] of FACES.entries()) {
    const [x, y, width, height] = box;
    scores.values.set([1 - score, score], 2 * (2 + 3 * k));
    boxes.values.set(
      [x / INPUT.width, y / INPUT.height, (x + width) / INPUT.width, (y + height) / INPUT.height],
      4 * (2 + 3 * k),
    );
  }
  return { name: 'UltraFace', outputs: [scores, boxes], hasPoints: false };
}

function yolo5(): Encoded {
  const rows = output('output', [1, 12, 16]);
  for (const [k, { box, score }] of FACES.entries()) {
    const points = pointsOf(box).flat();
    rows.values.set(
      [...middleOf(box), box[2], box[3], Math.sqrt(score), ...points, Math.sqrt(score)],
      16 * (4 * k + 1),
    );
  }
  return { name: 'YOLOv5-face', outputs: [rows], hasPoints: true };
}

/** @param each numbers for a point: none, x and y, or x, y and whether it is seen */
function yolo8(each: 0 | 2 | 3): Encoded {
  const count = 7;
  const rows = output('output0', [1, 5 + 5 * each, count]);
  for (const [k, { box, score }] of FACES.entries()) {
    const points = pointsOf(box).flatMap((point) => [...point, 0.5].slice(0, each));
    for (const [row, value] of [...middleOf(box), box[2], box[3], score, ...points].entries())
      rows.values[row * count + 2 * k + 1] = value;
  }
  return { name: `YOLOv8-face, ${each} numbers a point`, outputs: [rows], hasPoints: each > 0 };
}

// Distances from the middle of the cell as the expectation of 16 bins: all weight on the two that are next to them.
function yolo8Grids(withPoints: boolean): Encoded {
  const outputs = STRIDES.map((stride) => {
    const { columns, rows } = grid(stride);
    const channels = 4 * 16 + 1 + (withPoints ? 15 : 0);
    const map = output(`grid${stride}`, [1, channels, rows, columns], -40);
    for (const { box, score } of FACES.filter((one) => one.stride === stride)) {
      const { x, y, at } = cellOf(box, stride);
      const set = (channel: number, value: number) => {
        map.values[channel * rows * columns + at] = value;
      };
      const [left, top, width, height] = box;
      const [cellX, cellY] = [stride * (x + 0.5), stride * (y + 0.5)];
      const distances = [cellX - left, cellY - top, left + width - cellX, top + height - cellY];
      for (const [side, length] of distances.entries()) {
        const bins = length / stride;
        const below = Math.floor(bins);
        set(16 * side + below, Math.log(1 - (bins - below)));
        if (bins > below) set(16 * side + below + 1, Math.log(bins - below));
      }
      set(64, logit(score));
      if (withPoints)
        for (const [k, [px, py]] of pointsOf(box).entries()) {
          set(65 + 3 * k, (px / stride - x) / 2);
          set(66 + 3 * k, (py / stride - y) / 2);
        }
    }
    return map;
  });
  const name = `YOLOv8-face before it is decoded, ${withPoints ? 'with' : 'without'} points`;
  return { name, outputs: [outputs[2], outputs[0], outputs[1]], hasPoints: withPoints };
}

const ENCODED = [
  scrfd(2, true, []),
  scrfd(2, false, [1]),
  scrfd(1, true, [1]),
  yunet(),
  ultraface(),
  yolo5(),
  yolo8(0),
  yolo8(2),
  yolo8(3),
  yolo8Grids(true),
  yolo8Grids(false),
];

const byScore = (faces: readonly FoundFace[]) => [...faces].sort((a, b) => b.score - a.score);

for (const { name, outputs, hasPoints } of ENCODED)
  test(`${name}: known faces come back from their numbers, and no others`, () => {
    const head = headOf(outputs, 'the file');
    assert.is(head.hasPoints(outputs), hasPoints);
    const found = byScore(head.decode(outputs, INPUT, 0.5));
    assert.is(found.length, FACES.length);
    for (const [k, { box, score, points }] of found.entries()) {
      assertClose([score], [FACES[k].score], 1e-6, 'score');
      assertClose(box, FACES[k].box, 1e-5, 'box');
      assert.is(points !== undefined, hasPoints);
      if (points) assertClose(points.flat(), pointsOf(FACES[k].box).flat(), 1e-5, 'points');
    }
    assert.is(head.decode(outputs, INPUT, 0.7).length, 2);
    assert.is(head.decode(outputs, INPUT, 0.95).length, 0);
  });

test('each file is taken for what it is, in whatever order its outputs come', () => {
  const seen = new Map<unknown, string[]>();
  for (const { name, outputs } of ENCODED) {
    const head = headOf(outputs, 'the file');
    assert.is(headOf([...outputs].reverse(), 'the file'), head, name);
    seen.set(head, [...(seen.get(head) ?? []), name.split(/[ ,]/)[0]]);
  }
  assert.equal(
    [...seen.values()].map((names) => [...new Set(names)].join()),
    ['SCRFD', 'YuNet', 'UltraFace', 'YOLOv5-face,YOLOv8-face'],
  );
});

test('outputs of no head that is known are named', () => {
  const { message } = thrown(() => headOf([{ shape: [1, 1000] }, { shape: [null, 10] }], 'resnet.onnx'));
  assert.is(
    message,
    'resnet.onnx: its outputs [1, 1000], [?, 10] are not those of SCRFD, YuNet, UltraFace, YOLO-face, which are known here',
  );
});

test('a grid that does not fit the input is refused', () => {
  for (const { outputs } of [scrfd(2, true, []), yunet()]) {
    const head = headOf(outputs, 'the file');
    assert.match(thrown(() => head.decode(outputs, { width: 328, height: 96 }, 0.5)).message, /no grid of stride 8/);
  }
});

test.run();
