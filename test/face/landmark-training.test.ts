import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Point } from '../../src/face/align';
import { LANDMARK_SIDE, LandmarkNetwork, landmarkNetworkFrom } from '../../src/face/landmark-network';
import type { LabelledFace } from '../../src/face/landmark-samples';
import { LandmarkTrainer, landmarkLoss, POINT_LOSS_SLOPES, type PointLoss } from '../../src/face/landmark-training';
import { openWasm } from '../../src/kernels/wasm/backend';
import { random } from '../../src/tensor/random';
import { readSafetensors, writeSafetensors } from '../../src/tensor/safetensors';
import { scope } from '../../src/tensor/scope';
import { Tensor } from '../../src/tensor/tensor';
import { assertClose, thrown } from '../helpers/numbers';

const test = suite('training of landmarks');

const opening = openWasm({ threads: 2 });
test.after(async () => (await opening).close());

/** Drawn faces: a light oval, dark eyes and nose, a dark mouth from corner to corner. */
function drawnFaces(count: number, seed: number): LabelledFace[] {
  const generator = random(seed);
  return Array.from({ length: count }, () => {
    const [width, height] = [64, 64];
    const [cx, cy] = [32 + generator.between(-4, 4), 32 + generator.between(-4, 4)];
    const at = (x: number, y: number): Point => [
      cx + x + generator.between(-1.5, 1.5),
      cy + y + generator.between(-1.5, 1.5),
    ];
    const points = [at(-9, -8), at(9, -8), at(0, 3), at(-7, 12), at(7, 12)];
    const data = new Uint8ClampedArray(4 * width * height).fill(255);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const near = points.some(([px, py]) => Math.hypot(x - px, y - py) < 2.5);
        const inside = ((x - cx) / 18) ** 2 + ((y - cy) / 24) ** 2 < 1;
        data.fill(near ? 20 : inside ? 200 : 90, 4 * (y * width + x), 4 * (y * width + x) + 3);
      }
    return { photo: { width, height, data }, box: [cx - 18, cy - 24, 36, 48], points };
  });
}

test('the loss by hand: mean distance, in distances between the eyes', () => {
  const targets = [-0.5, 0, 0.5, 0, 0, 0.2, -0.3, 0.5, 0.3, 0.5];
  const predicted = [...targets];
  predicted[4] += 0.3;
  predicted[5] += 0.4; // the nose is off by 0.5, half the distance between the eyes
  const { error, slopes } = landmarkLoss(predicted, targets);
  assertClose([error], [0.5 / 5], 1e-12);
  assertClose(slopes, [0, 0, 0, 0, 0.6 / 5, 0.8 / 5, 0, 0, 0, 0], 1e-7);
  assert.is(landmarkLoss(targets, targets).error, 0);
});

const wing = (x: number) => {
  const [w, e] = [0.12, 0.024];
  const size = Math.abs(x);
  return size < w ? w * Math.log(1 + size / e) : size - (w - w * Math.log(1 + w / e));
};

/** Of d = (x, y), as the formulas stand. */
const LOSSES: [PointLoss, (x: number, y: number) => number][] = [
  ['distance', (x, y) => Math.hypot(x, y)],
  ['squared', (x, y) => x * x + y * y],
  ['absolute', (x, y) => Math.abs(x) + Math.abs(y)],
  ['wing', (x, y) => wing(x) + wing(y)],
];

test('the slopes of every loss are those of its formula, where that is smooth', () => {
  assert.equal(LOSSES.map(([name]) => name).sort(), Object.keys(POINT_LOSS_SLOPES).sort());
  const generator = random(4);
  const numbers = (reach: number) => Array.from({ length: 20 }, () => generator.between(-reach, reach));
  const targets = numbers(1);
  // Near enough that some are within the width of the wing.
  const predicted = numbers(0.3).map((off, k) => targets[k] + off);
  const eyes = [0, 10].map((face) =>
    Math.max(0.25, Math.hypot(targets[face] - targets[face + 2], targets[face + 1] - targets[face + 3])),
  );
  const step = 1e-6;
  for (const [name, lossOf] of LOSSES) {
    const mean = (numbers: number[]) => {
      let total = 0;
      for (let at = 0; at < 20; at += 2) {
        const unit = eyes[at < 10 ? 0 : 1];
        total += lossOf((numbers[at] - targets[at]) / unit, (numbers[at + 1] - targets[at + 1]) / unit);
      }
      return total / 10;
    };
    const { slopes } = landmarkLoss(predicted, targets, name);
    for (let k = 0; k < 20; k++) {
      const moved = (by: number) => mean(predicted.with(k, predicted[k] + by));
      assertClose([slopes[k]], [(moved(step) - moved(-step)) / (2 * step)], 1e-5, `${name}, slope ${k}`);
    }
  }
});

const SETTINGS = { epochs: 6, batchSize: 8, learningRate: 0.005, averageDecay: 0.8 };

async function trained(seed: number) {
  const backend = await opening;
  const before = backend.liveBytes;
  const trainer = new LandmarkTrainer(backend, drawnFaces(48, 1), drawnFaces(8, 2), { ...SETTINGS, seed });
  const untrained = await trainer.validate();
  const history = [];
  for await (const epoch of trainer.run()) history.push(epoch);
  const bytes = await trainer.encode({ data: 'drawn' });
  trainer.dispose();
  assert.is(backend.liveBytes, before, 'bytes were left behind');
  return { untrained, history, bytes };
}

let once: ReturnType<typeof trained> | undefined;
const trainOnce = () => (once ??= trained(1));

test('drawn faces are learnt: the error of others falls to a third', async () => {
  const { untrained, history } = await trainOnce();
  assert.equal(
    history.map(({ epoch }) => epoch),
    [1, 2, 3, 4, 5, 6],
  );
  const last = history[5];
  assert.ok(last.validationError < untrained / 3, `${untrained} before, ${last.validationError} after`);
  assert.ok(last.error < history[0].error);
});

test('the same seed gives the very same network, another seed another', async () => {
  assert.equal((await trained(1)).bytes, (await trainOnce()).bytes);
  assert.not.equal((await trained(2)).bytes, (await trainOnce()).bytes);
});

test('a network in a file answers as it did; a file of something else is refused', async () => {
  const backend = await opening;
  const { bytes } = await trainOnce();
  const file = readSafetensors(bytes);
  assert.is(file.metadata.data, 'drawn');
  const network = landmarkNetworkFrom(backend, file, 'own.safetensors');
  const born = new LandmarkNetwork({ backend, random: random(9) });
  born.load(file.tensors);
  const images = Float32Array.from({ length: 2 * LANDMARK_SIDE ** 2 * 3 }, (_, k) => (k % 97) / 97);
  const answers = await Promise.all(
    [network, born].map(async (one) => {
      using _ = scope();
      return one.forward(Tensor.from(backend, images, [2, LANDMARK_SIDE, LANDMARK_SIDE, 3])).data();
    }),
  );
  assert.equal(answers[0], answers[1]);
  assert.ok(answers[0].every((value) => Math.abs(value) < 2));
  const other = readSafetensors(writeSafetensors(file.tensors, { architecture: 'mini-resnet' }));
  assert.match(
    thrown(() => landmarkNetworkFrom(backend, other, 'other.safetensors')).message,
    /^other\.safetensors: is no likeness-landmarks-5, but mini-resnet$/,
  );
  const live = backend.liveBytes;
  const less = { ...file, tensors: new Map([...file.tensors].slice(1)) };
  assert.match(thrown(() => landmarkNetworkFrom(backend, less, 'less')).message, /^less: misses /);
  assert.is(backend.liveBytes, live);
  network.dispose();
  born.dispose();
});

test.run();
