import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openReference } from '../../src/kernels/reference/backend';
import { cosines } from '../../src/nn/cosine-classifier';
import {
  arcFaceLogits,
  cosFaceLogits,
  crossEntropy,
  semiHardTriplets,
  squaredDistances,
  tripletLoss,
} from '../../src/nn/loss';
import { parameter } from '../../src/tensor/autograd';
import { random } from '../../src/tensor/random';
import { scope } from '../../src/tensor/scope';
import { Tensor } from '../../src/tensor/tensor';
import { testOnEachDevice } from '../helpers/devices';
import { assertClose, thrown } from '../helpers/numbers';
import { assertGradients, weighted } from './differences';

const test = suite('losses');

const LABELS = [0, 2, 1, 1];
const OPTIONS = { scale: 3, margin: 0.5 };

type Loss = (embeddings: Tensor, centres: Tensor) => Tensor;

const LOSSES: Record<string, Loss> = {
  'cross entropy, smoothed': (embeddings, centres) =>
    crossEntropy(cosines(embeddings, centres), LABELS, { smoothing: 0.1 }),
  ArcFace: (embeddings, centres) => crossEntropy(arcFaceLogits(embeddings, centres, LABELS, OPTIONS), LABELS),
  'ArcFace, easy': (embeddings, centres) =>
    crossEntropy(arcFaceLogits(embeddings, centres, LABELS, { ...OPTIONS, easy: true }), LABELS),
  CosFace: (embeddings, centres) => crossEntropy(cosFaceLogits(cosines(embeddings, centres), LABELS, OPTIONS), LABELS),
  'triplet loss': (embeddings) =>
    tripletLoss(
      embeddings,
      [
        { anchor: 2, positive: 3, negative: 0 },
        { anchor: 3, positive: 2, negative: 1 },
      ],
      3,
    ),
  'squared distances': (embeddings) => weighted(squaredDistances(embeddings)),
};

for (const [name, loss] of Object.entries(LOSSES))
  test(`${name}: gradients equal central differences`, async () => {
    using _ = scope();
    const backend = openReference();
    const draw = random(2);
    const normal = (count: number) => Float64Array.from({ length: count }, () => draw.normal());
    const points = [normal(20), normal(15)];
    points[0].set(points[1].subarray(0, 5).map((value) => 0.05 * draw.normal() - value)); // opposite to its centre
    const [embeddings, centres] = [parameter(backend, points[0], [4, 5]), parameter(backend, points[1], [3, 5])];
    const without = name.startsWith('triplet') || name.startsWith('squared');
    const tensors = new Map([['embeddings', embeddings], ...(without ? [] : [['centres', centres] as const])]);
    await assertGradients(tensors, () => loss(embeddings, centres));
  });

/** A unit vector in the plane, at an angle to the first axis. */
const at = (angle: number) => [Math.cos(angle), Math.sin(angle)];

testOnEachDevice(test, 'ArcFace: cos(angle + margin) for the right class, cos(angle) for others', async (backend) => {
  using _ = scope();
  const angles = [0.02, 1, 2, 3];
  const embeddings = Tensor.from(
    backend,
    angles.flatMap((angle) => at(angle).map((x) => 5 * x)),
    [4, 2],
  );
  const centres = Tensor.from(backend, [2, 0, 0, 0.5], [2, 2]);
  const logits = arcFaceLogits(embeddings, centres, [0, 0, 0, 0], { scale: 10, margin: 0.5 });
  const beyond = Math.cos(3) - 0.5 * Math.sin(0.5); // 3 + 0.5 is more than pi
  const expected = [...angles.slice(0, 3).map((angle) => Math.cos(angle + 0.5)), beyond];
  assertClose(
    await logits.data(),
    angles.flatMap((angle, i) => [10 * expected[i], 10 * Math.sin(angle)]),
    1e-5,
  );
  const easy = arcFaceLogits(embeddings, centres, [0, 0, 0, 0], { scale: 10, margin: 0.5, easy: true });
  const target = (await easy.data()).filter((_, i) => i % 2 === 0);
  assertClose(target, [10 * Math.cos(0.52), 10 * Math.cos(1.5), 10 * Math.cos(2), 10 * Math.cos(3)], 1e-5);
});

testOnEachDevice(test, 'ArcFace at angle 0 has finite gradients', async (backend) => {
  using _ = scope();
  const embeddings = Tensor.from(backend, [1, 0], [1, 2]);
  const logits = arcFaceLogits(embeddings, Tensor.from(backend, [1, 0, 0, 1], [2, 2]), [0], { scale: 1 });
  assertClose(await logits.data(), [Math.cos(0.5), 0], 1e-6);
});

test('semi-hard triplets: the nearest beyond the positive and within the margin', () => {
  // People 0, 0, 1, 1, 1 on a line; squared distances are given as they are.
  const distances = [
    [0, 1.0, 0.5, 1.1, 1.15],
    [1.0, 0, 0.2, 0.3, 0.4],
    [0.5, 0.2, 0, 9, 9],
    [1.1, 0.3, 9, 0, 0.05],
    [1.15, 0.4, 9, 0.05, 0],
  ].flat();
  const found = semiHardTriplets(distances, [0, 0, 1, 1, 1], 0.2);
  assert.equal(
    found.filter(({ anchor }) => anchor < 2),
    [
      { anchor: 0, positive: 1, negative: 3 }, // 1.1 is beyond 1.0; 0.5 is nearer, 1.15 is farther
      { anchor: 1, positive: 0, negative: 4 }, // all are nearer: the farthest of them
    ],
  );
  assert.equal(
    found.filter(({ anchor }) => anchor === 3),
    [{ anchor: 3, positive: 2, negative: 0 }], // 4 is so near that no other person is within the margin
  );
  assert.equal(semiHardTriplets([0, 1, 1, 0], [5, 5]), []);
});

testOnEachDevice(test, 'triplet loss: the mean of what is missing to the margin', async (backend) => {
  using _ = scope();
  const angles = [0, 0.5, 0.6, 3];
  const embeddings = Tensor.from(backend, angles.flatMap(at), [4, 2]);
  const square = (a: number, b: number) => 2 - 2 * Math.cos(angles[a] - angles[b]);
  const triplets = [
    { anchor: 0, positive: 1, negative: 2 },
    { anchor: 0, positive: 1, negative: 3 },
  ];
  const loss = await tripletLoss(embeddings, triplets, 0.2).data();
  assertClose(loss, [(square(0, 1) - square(0, 2) + 0.2) / 2], 1e-6);
  assert.is(thrown(() => tripletLoss(embeddings, [])).message, 'triplet loss: there is no triplet to learn from');
});

test('labels that are no classes are refused', () => {
  using _ = scope();
  const logits = Tensor.from(openReference(), new Float32Array(6), [2, 3]);
  const refusals: [number[], string][] = [
    [[0], 'cross entropy: 1 labels for 2 rows'],
    [[0, 3], 'cross entropy: label 3 is none of 3 classes (0 to 2)'],
    [[0, 0.5], 'cross entropy: label 0.5 is none of 3 classes (0 to 2)'],
  ];
  for (const [labels, message] of refusals) assert.is(thrown(() => crossEntropy(logits, labels)).message, message);
});

test.run();
