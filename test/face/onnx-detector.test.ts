import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Box, intersectionOverUnion } from '../../src/face/boxes';
import type { DetectorChoice } from '../../src/face/detect';
import type { RawImage } from '../../src/face/image';
import { OnnxDetector } from '../../src/face/onnx-detector';
import { FacePipeline } from '../../src/face/pipeline';
import type { Backend } from '../../src/kernels/backend';
import { openWasm } from '../../src/kernels/wasm/backend';
import { skipped } from '../helpers/devices';
import { assertClose, rejection } from '../helpers/numbers';
import { hasRealModels, type OnnxFile, onnxFile, realModel } from '../helpers/onnx-files';
import { halved, plain, SAMPLE_FACES, samplePhoto } from '../helpers/photos';

const test = suite("detection with other people's networks");

let backend: Backend;
test.before(async () => {
  backend = await openWasm({ threads: 1 });
});
test.after(() => backend.close());

async function withDetector(file: OnnxFile | string, use: (detector: OnnxDetector) => Promise<void>): Promise<void> {
  const before = backend.liveBytes;
  const detector = await OnnxDetector.open(backend, { onnx: typeof file === 'string' ? file : onnxFile(file) });
  await use(detector);
  await detector.dispose();
  assert.is(backend.liveBytes, before, 'bytes were left behind');
}

/** A network that says the same of every picture. */
function always(
  input: readonly [height: number, width: number],
  outputs: Record<string, { shape: readonly number[]; values: readonly number[] }>,
): OnnxFile {
  const names = Object.keys(outputs);
  return {
    inputs: { input: [1, 3, ...input] },
    outputs: Object.fromEntries(names.map((name) => [name, outputs[name].shape])),
    constants: Object.fromEntries(names.map((name) => [`its ${name}`, outputs[name]])),
    nodes: names.map((name) => ['Identity', [`its ${name}`], [name]]),
  };
}

/** Zeros, but for some places. */
const sparse = (length: number, at: number, values: readonly number[]): number[] =>
  Array.from({ length }, (_, k) => values[k - at] ?? 0);

/** One face of 16x8 pixels at (8, 16) of an input of 64x32, and its points. */
const FACE: Box = [8, 16, 16, 8];
const EYES = [12, 18, 20, 18];
const POINTS = [...EYES, 16, 20, 13, 22, 19, 22];

const stretched = always([32, 64], {
  scores: { shape: [1, 2, 2], values: [0.9, 0.1, 0.2, 0.8] },
  boxes: { shape: [1, 2, 4], values: [0, 0, 1, 1, 8 / 64, 16 / 32, 24 / 64, 24 / 32] },
});
const inTheMiddle = always([32, 64], {
  output: { shape: [1, 2, 16], values: sparse(32, 16, [16, 20, 16, 8, 1, ...POINTS, 0.8]) },
});
/** The finest grid has 8x4 cells of two anchors; that of the face, column 1 and row 2, begins at (8, 16). */
const CELL = 2 * (2 * 8 + 1);
const inTheCorner = always([32, 64], {
  a: { shape: [64, 1], values: sparse(64, CELL, [0.8]) },
  b: { shape: [16, 1], values: sparse(16, 0, []) },
  c: { shape: [4, 1], values: sparse(4, 0, []) },
  d: { shape: [64, 4], values: sparse(256, 4 * CELL, [0, 0, 2, 1]) },
  e: { shape: [16, 4], values: sparse(64, 0, []) },
  f: { shape: [4, 4], values: sparse(16, 0, []) },
  g: {
    shape: [64, 10],
    values: sparse(
      640,
      10 * CELL,
      POINTS.map((place, k) => (place - (k % 2 === 0 ? 8 : 16)) / 8),
    ),
  },
  h: { shape: [16, 10], values: sparse(160, 0, []) },
  i: { shape: [4, 10], values: sparse(40, 0, []) },
});

for (const { name, file, hasPoints, toPhoto } of [
  { name: 'stretched over the input (UltraFace)', file: stretched, hasPoints: false, toPhoto: [3, 12.5, 0, 0] },
  // 400 rows on 32 are 12.5 for one: the photo takes 15.36 of the 64 columns.
  {
    name: 'in the middle of the input (YOLO-face)',
    file: inTheMiddle,
    hasPoints: true,
    toPhoto: [12.5, 12.5, -304, 0],
  },
  { name: 'in the corner of the input (SCRFD)', file: inTheCorner, hasPoints: true, toPhoto: [12.5, 12.5, 0, 0] },
])
  test(`a photo ${name}: boxes and points are told in its pixels`, () =>
    withDetector(file, async (detector) => {
      assert.is(detector.hasPoints, hasPoints);
      await detector.prepare();
      const found = await detector.detect(plain(192, 400));
      assert.is(found.length, 1);
      const [{ box, score, points }] = found;
      const [stepX, stepY, left, top] = toPhoto;
      assertClose([score], [0.8], 1e-6);
      assertClose(box, [left + FACE[0] * stepX, top + FACE[1] * stepY, FACE[2] * stepX, FACE[3] * stepY], 1e-5);
      assert.is(points !== undefined, hasPoints);
      if (points)
        assertClose(
          points.flat(),
          POINTS.map((place, k) => (k % 2 === 0 ? left + place * stepX : top + place * stepY)),
          1e-5,
        );
      assert.is((await detector.detect(plain(192, 400), { minimumScore: 0.85 })).length, 0);
    }));

/** YuNet's outputs, whose score is how bright one of three channels is on the mean of each cell of 8 pixels. */
function brightness(channel: number): OnnxFile {
  const zeros = (name: string, stride: number, columns: number) => {
    const count = (64 / stride) ** 2;
    return [
      `${name}_${stride}`,
      { shape: [1, count, columns], values: new Array<number>(count * columns).fill(0) },
    ] as const;
  };
  const constants = Object.fromEntries([
    ...[16, 32].flatMap((stride) => [zeros('cls', stride, 1), zeros('obj', stride, 1)]),
    ...[8, 16, 32].flatMap((stride) => [zeros('bbox', stride, 4), zeros('kps', stride, 10)]),
  ]);
  const names = Object.keys(constants);
  return {
    inputs: { input: [1, 3, 64, 64] },
    outputs: {
      cls_8: [1, 64, 1],
      obj_8: [1, 64, 1],
      ...Object.fromEntries(names.map((name) => [name, constants[name].shape])),
    },
    constants: {
      ...Object.fromEntries(names.map((name) => [`its ${name}`, constants[name]])),
      start: { int64: [channel] },
      end: { int64: [channel + 1] },
      axis: { int64: [1] },
      column: { int64: [1, 64, 1] },
      byte: { shape: [1], values: [255] },
    },
    nodes: [
      ['AveragePool', ['input'], ['cells'], { kernel_shape: [8, 8], strides: [8, 8] }],
      ['Slice', ['cells', 'start', 'end', 'axis'], ['one']],
      ['Reshape', ['one', 'column'], ['bright']],
      ['Div', ['bright', 'byte'], ['cls_8']],
      ['Div', ['bright', 'byte'], ['obj_8']],
      ...names.map((name): OnnxFile['nodes'][number] => ['Identity', [`its ${name}`], [name]]),
    ],
  };
}

test('the network is shown the photo: blue is the first channel of YuNet, bytes as they are', async () => {
  const photo: RawImage = { width: 128, height: 128, data: new Uint8Array(4 * 128 * 128) };
  for (const [channel, column, row] of [
    [0, 5, 2],
    [1, 1, 6],
    [2, 3, 3],
  ])
    for (let y = 16 * row; y < 16 * (row + 1); y++)
      for (let x = 16 * column; x < 16 * (column + 1); x++) photo.data[4 * (128 * y + x) + channel] = 204;
  for (const [channel, column, row] of [
    [2, 5, 2],
    [1, 1, 6],
    [0, 3, 3],
  ])
    await withDetector(brightness(channel), async (detector) => {
      const found = await detector.detect(photo);
      assert.is(found.length, 1);
      assertClose([found[0].score], [0.8], 1e-5);
      // Sides e^0 times the stride about the cell's corner, of pixels that are two of the photo's.
      assertClose(found[0].box, [16 * column - 8, 16 * row - 8, 16, 16], 1e-5);
    });
});

test('small faces are looked for in parts that cover the photo as well; where nobody is found, it says so', () =>
  withDetector(inTheMiddle, async (detector) => {
    // At the photo's own pixels three parts of 64x32 lie across it and three down; no two faces of theirs overlap much.
    const parts = [0, 16, 32].flatMap((top) => [0, 32, 64].map((left): Box => [left + 8, top + 16, 16, 8]));
    const found = await detector.detect(plain(128, 64), { smallFaces: true });
    const sorted = (boxes: readonly Box[]) => boxes.map((box) => box.map(Math.round).join()).sort();
    assert.equal(sorted(found.map(({ box }) => box)), sorted([...parts, [16, 32, 32, 16]]));
    assert.equal(await detector.detect(plain(128, 64), { minimumScore: 0.9 }), []);
  }));

test('an aborted signal ends it', () =>
  withDetector(stretched, async (detector) => {
    const reason = new Error('no longer wanted');
    assert.is(await rejection(detector.detect(plain(30, 20), { signal: AbortSignal.abort(reason) })), reason);
  }));

test('what is no detector is refused in one sentence', async () => {
  const cases: [OnnxFile, RegExp][] = [
    [always([32, 64], { fc1: { shape: [1, 512], values: new Array(512).fill(0) } }), /its outputs \[1, 512\] are not/],
    [{ ...stretched, inputs: { input: [1, 1, 32, 64] } }, /looks at grey pictures; detectors see colours$/],
  ];
  const before = backend.liveBytes;
  for (const [file, expected] of cases)
    assert.match((await rejection(OnnxDetector.open(backend, { onnx: onnxFile(file) }))).message, expected);
  assert.is(backend.liveBytes, before);
});

test("a pipeline aligns by the detector's own points", async () => {
  const points = async (detector: DetectorChoice) => {
    await using pipeline = await FacePipeline.open({ device: 'wasm', threads: 1, detector });
    const photo = halved(await samplePhoto('sample3.jpg'));
    const [{ points: own, chip }] = await pipeline.align(photo, { template: 'arcface' });
    await using byFive = await FacePipeline.open({ device: 'wasm', threads: 1, detector, aligner: 'five' });
    const [{ chip: expected }] = await byFive.align(photo, { template: 'arcface' });
    return { photo, own, isByFive: chip.data.every((byte, at) => byte === expected.data[at]) };
  };
  const { photo, own, isByFive } = await points({ onnx: onnxFile(inTheCorner) });
  assert.is(isByFive, true);
  const scale = Math.max(photo.width / 64, photo.height / 32);
  assertClose(own[0], [EYES[0] * scale, EYES[1] * scale], 1e-5);
  assert.is((await points('tiny')).isByFive, false, 'tiny finds no points');
});

if (!hasRealModels()) skipped('a real detector', 'faceplugin-face-recognition-js is not installed');
else
  test('UltraFace, which no one here made, finds the faces of the sample photos where a person sees them', () =>
    withDetector(realModel('detect'), async (detector) => {
      assert.is(detector.hasPoints, false);
      let [right, wrong] = [0, 0];
      for (const photo of ['sample1.jpg', 'sample3.jpg', 'sample5.jpg']) {
        const faces = SAMPLE_FACES[photo];
        const found = await detector.detect(await samplePhoto(photo));
        const matched = faces.filter((face) => found.some(({ box }) => intersectionOverUnion(box, face) > 0.5));
        right += matched.length;
        wrong += found.length - matched.length;
      }
      assert.ok(right >= 10 && wrong === 0, `${right} of 11 faces, and ${wrong} where there are none`);
    }));

test.run();
