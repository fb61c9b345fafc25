import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Box } from '../../src/face/boxes';
import type { RawImage } from '../../src/face/image';
import { enlarged, type LivenessFile, LivenessJudge, probabilities, sampled } from '../../src/face/liveness';
import { FacePipeline } from '../../src/face/pipeline';
import type { Backend } from '../../src/kernels/backend';
import { openWasm } from '../../src/kernels/wasm/backend';
import { random } from '../../src/tensor/random';
import { skipped } from '../helpers/devices';
import { assertClose, rejection } from '../helpers/numbers';
import { hasRealModels, onnxFile, realModel } from '../helpers/onnx-files';
import { cropAround, SAMPLE_FACES, samplePhoto } from '../helpers/photos';

const test = suite('liveness');

let backend: Backend;
let folder = '';
test.before(async () => {
  backend = await openWasm({ threads: 1 });
  folder = await mkdtemp(join(tmpdir(), 'likeness-liveness-'));
});
test.after(async () => {
  await backend.close();
  await rm(folder, { recursive: true });
});

test('a box in the middle is enlarged about its middle', () => {
  assertClose(enlarged([400, 300, 100, 120], 2.7, { width: 1000, height: 800 }), [315, 198, 270, 324], 1e-12);
});

test('an enlarged box lies inside the photo, in its proportions, and moves no further than it must', () => {
  const side = fc.integer({ min: 20, max: 2000 });
  fc.assert(
    fc.property(side, side, fc.nat(999), fc.nat(999), fc.integer({ min: 5, max: 900 }), (width, height, x, y, size) => {
      const photo = { width, height };
      const box: Box = [(x / 1000) * width, (y / 1000) * height, size, 1.25 * size];
      const [left, top, across, down] = enlarged(box, 2.7, photo);
      assert.ok(left >= 0 && top >= 0 && left + across <= width + 1e-9 && top + down <= height + 1e-9);
      assertClose([down / across], [1.25], 1e-9);
      assert.ok(across <= 2.7 * size + 1e-9);
      const shift = left + across / 2 - (box[0] + box[2] / 2);
      if (shift > 1e-9) assertClose([left], [0], 1e-9);
      if (shift < -1e-9) assertClose([left + across], [width], 1e-9);
    }),
  );
});

const generator = random(3);
const PHOTO: RawImage = {
  width: 7,
  height: 5,
  data: Uint8Array.from({ length: 4 * 35 }, () => generator.below(256)),
};

test('sampled at its own size: the pixels, in either order of colours', () => {
  const whole = sampled(PHOTO, [0, 0, 7, 5], { width: 7, height: 5 }, 'RGB');
  const pixels = Array.from({ length: 35 }, (_, k) => [...PHOTO.data.subarray(4 * k, 4 * k + 3)]);
  assertClose(whole, pixels.flat(), 1e-6);
  assertClose(
    sampled(PHOTO, [2, 1, 3, 2], { width: 3, height: 2 }, 'BGR'),
    [9, 10, 11, 16, 17, 18].flatMap((k) => pixels[k].toReversed()),
    1e-6,
  );
});

test('sampled smaller and larger: between the pixels that are next, and none from beyond the box', () => {
  const ramp: RawImage = { width: 12, height: 2, data: new Uint8Array(4 * 24) };
  for (let k = 0; k < 24; k++) ramp.data.fill(10 * (k % 12), 4 * k, 4 * k + 4);
  const reds = (box: Box, width: number) =>
    [...sampled(ramp, box, { width, height: 1 }, 'RGB')].filter((_, at) => at % 3 === 0);
  assertClose(reds([0, 0, 12, 2], 3), [15, 55, 95], 1e-6); // middles of 4 pixels each lie between two of them
  assertClose(reds([4, 0, 4, 2], 8), [40, 42.5, 47.5, 52.5, 57.5, 62.5, 67.5, 70], 1e-6);
  assert.equal(reds([11.9, 0, 0.05, 2], 2), [110, 110]);
});

test('logits become probabilities, and probabilities stay', () => {
  const exponentials = [2, 0, -1].map(Math.exp);
  const sum = exponentials.reduce((total, value) => total + value);
  assertClose(
    probabilities([102, 100, 99]),
    exponentials.map((value) => value / sum),
    1e-9,
  );
  assert.equal(probabilities([0.25, 0.5, 0.25]), [0.25, 0.5, 0.25]);
});

/** Three classes, whose logits are the means of the three channels that the network is shown, through 64 or so. */
const meansOfChannels = (side: number, classes = 3): Uint8Array =>
  onnxFile({
    inputs: { input: [null, 3, side, side] },
    outputs: { output: [null, classes] },
    constants: { few: { shape: [1], values: [64] } },
    nodes: [
      ['GlobalAveragePool', ['input'], ['means']],
      ['Flatten', ['means'], ['flat'], { axis: 1 }],
      ['Div', ['flat', 'few'], ['output']],
    ],
  });

/** The photo's left half is red, its right half blue. */
const HALVES: RawImage = { width: 200, height: 100, data: new Uint8Array(4 * 200 * 100) };
for (let k = 0; k < 200 * 100; k++) HALVES.data[4 * k + (k % 200 < 100 ? 0 : 2)] = 255;

async function withJudge(file: LivenessFile, use: (judge: LivenessJudge) => Promise<void>): Promise<void> {
  const before = backend.liveBytes;
  const judge = await LivenessJudge.open(backend, file);
  await use(judge);
  await judge.dispose();
  assert.is(backend.liveBytes, before, 'bytes were left behind');
}

test('each kind of network is shown colours its way, and the class of the living is taken', async () => {
  const [red, blue]: Box[] = [
    [40, 40, 10, 10],
    [150, 40, 10, 10],
  ];
  const logits = [255 / 64, 0, 0];
  const [high, low] = probabilities(logits);
  for (const [onnx, more, expected] of [
    [meansOfChannels(80), {}, [low, low]], // class 1, green
    [meansOfChannels(80), { live: 0 }, [low, high]], // blue comes first
    [meansOfChannels(128), {}, [high, low]], // class 0, red
    [meansOfChannels(128), { channels: 'BGR' }, [low, high]],
    [meansOfChannels(64), { crop: 1, channels: 'RGB', live: 2 }, [low, high]],
  ] satisfies [Uint8Array, Partial<LivenessFile>, number[]][])
    await withJudge({ onnx, ...more }, async (judge) => {
      assert.is(judge.threshold, 0.5);
      await judge.prepare();
      assertClose(await judge.scores(HALVES, [red, blue]), expected, 1e-5);
      assert.equal(await judge.scores(HALVES, []), []);
    });
});

test("how much is shown: the kind's, the name's, or the caller's", async () => {
  const named = join(folder, '4_0_0_80x80_MiniFASNetV1SE.onnx');
  await writeFile(named, meansOfChannels(80));
  const box: Box = [70, 45, 10, 10]; // enlarged by 4 it ends at 95, by 6 at 105, of which 100 to 105 are blue
  const shares = async (file: Partial<LivenessFile> & Pick<LivenessFile, 'onnx'>) => {
    let score = 0;
    await withJudge({ live: 0, ...file }, async (judge) => {
      [score] = await judge.scores(HALVES, [box]);
    });
    return score;
  };
  const ofBlue = (share: number) => probabilities([(255 / 64) * share, 0, (255 / 64) * (1 - share)])[0];
  assertClose([await shares({ onnx: named })], [ofBlue(0)], 1e-5);
  assertClose([await shares({ onnx: meansOfChannels(80), crop: 6 })], [ofBlue(5 / 60)], 0.01);
  assertClose([await shares({ onnx: named, crop: 6 })], [ofBlue(5 / 60)], 0.01);
  // Only the name says more than 2.7, and that much reaches into the blue.
  const near: Box = [85, 45, 10, 10];
  await withJudge({ onnx: named, live: 0 }, async (judge) => {
    assertClose(await judge.scores(HALVES, [near]), [ofBlue(10 / 40)], 0.01);
  });
  await withJudge({ onnx: meansOfChannels(80), live: 0 }, async (judge) => {
    assertClose(await judge.scores(HALVES, [near]), [ofBlue(3.5 / 27)], 0.02);
  });
});

test('what is not known is refused in one sentence', async () => {
  const before = backend.liveBytes;
  for (const [file, expected] of [
    [{ onnx: meansOfChannels(96) }, /neither a MiniFASNet of 80x80 pixels nor .* say how it wants its faces/],
    [{ onnx: join(folder, 'missing.onnx') }, /missing\.onnx does not exist$/],
    [{ onnx: Uint8Array.of(1, 2, 3) }, /^the liveness network: /],
  ] satisfies [LivenessFile, RegExp][])
    assert.match((await rejection(LivenessJudge.open(backend, file))).message, expected);
  assert.is(backend.liveBytes, before);
});

test('verify confirms nobody who does not look alive; scores come with every face', async () => {
  const photo = cropAround(await samplePhoto('sample3.jpg'), SAMPLE_FACES['sample3.jpg'][0]);
  for (const [threshold, isAlive] of [
    [0.3, true],
    [0.6, false],
  ] as const) {
    // Grey logits are about the same: a third for each class.
    const liveness = { onnx: meansOfChannels(128), threshold };
    await using pipeline = await FacePipeline.open({ device: 'wasm', threads: 1, liveness });
    const result = await pipeline.verify(photo, photo);
    assert.is(result.distance, 0);
    assert.is(result.same, isAlive);
    assert.equal(result.liveness, { threshold, isLive: [isAlive, isAlive] });
    for (const face of result.faces) assert.ok(Number(face.liveness) > 0.3 && Number(face.liveness) < 0.6);
    const [face] = await pipeline.detect(photo);
    assert.is(face.liveness, result.faces[0].liveness);
  }
  await using pipeline = await FacePipeline.open({ device: 'wasm', threads: 1 });
  const result = await pipeline.verify(photo, photo);
  assert.ok(result.same && !('liveness' in result) && !('liveness' in result.faces[0]));
});

if (!hasRealModels()) skipped('a real liveness network', 'faceplugin-face-recognition-js is not installed');
else
  test('a network that no one here made takes the faces of sample photos for living ones', () =>
    withJudge({ onnx: realModel('liveness') }, async (judge) => {
      const scores = await judge.scores(await samplePhoto('sample1.jpg'), SAMPLE_FACES['sample1.jpg']);
      assert.is(scores.length, 3);
      for (const score of scores) assert.ok(score > 0.5 && score <= 1, `${score}`);
    }));

test.run();
