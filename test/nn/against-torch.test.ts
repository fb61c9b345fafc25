import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../src/kernels/backend';
import { cosines } from '../../src/nn/cosine-classifier';
import { arcFaceLogits, cosFaceLogits, crossEntropy } from '../../src/nn/loss';
import { MiniResNet } from '../../src/nn/mini-resnet';
import type { Module } from '../../src/nn/module';
import { AdamW, Sgd } from '../../src/nn/optimizer';
import type { BlockForm } from '../../src/nn/residual-block';
import { ResNet50 } from '../../src/nn/resnet50';
import { gradients, parameter } from '../../src/tensor/autograd';
import { scope } from '../../src/tensor/scope';
import { Tensor } from '../../src/tensor/tensor';
import { testOnEachDevice } from '../helpers/devices';
import { assertClose } from '../helpers/numbers';
import { assertSummary, drawn, initialise, readTorch, type TorchTraining } from './torch';

const test = suite('against PyTorch');

/** How far float32 may be off after a forward and backward pass, and after five steps of training. */
interface Tolerances {
  gradients: number;
  training: number;
}

/** A step, its gradients, and five steps of SGD, as make-torch.py makes them. */
async function assertTraining(network: Module, side: number, expected: TorchTraining, tolerances: Tolerances) {
  await initialise(network);
  const { labels, rate, smoothing, nesterov } = expected;
  const parameters = network.parameters();
  const names = [...parameters.keys()];
  assert.equal(new Set(names), new Set(Object.keys(expected.gradients)), 'the names of the parameters');
  const [{ backend }] = parameters.values();
  const exact = backend.name === 'reference';
  const tolerance = exact ? 1e-8 : tolerances.gradients;
  const trained = exact ? 1e-6 : tolerances.training;

  const optimizer = new Sgd(parameters, { learningRate: rate, momentum: 0.9, nesterov, weightDecay: 5e-4 });
  const shape = [labels.length, side, side, 3];
  const images = Tensor.from(backend, drawn(expected.images, labels.length * side * side * 3), shape);
  network.train();
  for (let step = 0; step < 5; step++) {
    using _ = scope();
    const logits = network.forward(images);
    const loss = crossEntropy(logits, labels, { smoothing });
    const found = gradients(loss, [...parameters.values()]);
    if (step === 0) {
      assertClose(await logits.data(), expected.logits, tolerance, 'logits');
      for (const [index, name] of names.entries())
        await assertSummary(found[index], expected.gradients[name], tolerance, `gradient of ${name}`);
    }
    assertClose(await loss.data(), [expected.losses[step]], trained, `loss of step ${step}`);
    optimizer.step(found);
  }
  for (const [name, weights] of [...parameters, ...network.buffers()])
    await assertSummary(weights, expected.weights[name], trained, `${name} after five steps`);

  {
    using _ = scope();
    const evaluated = network.evaluate().forward(images);
    assertClose(await evaluated.data(), expected.evaluated, trained, 'logits after five steps');
  }
  images.dispose();
  optimizer.dispose();
  network.dispose();
}

const FORMS: readonly BlockForm[] = ['post-activation', 'pre-activation', 'article'];

for (const form of FORMS)
  testOnEachDevice(test, `MiniResNet, ${form}: logits, loss, gradients, five steps`, async (backend) => {
    const expected = readTorch<Record<BlockForm, TorchTraining>>('mini-resnet')[form];
    const options = { widths: [4, 8, 12], depths: [2, 1, 1], form, embedding: 8, classes: 5 };
    const network = new MiniResNet({ backend }, { ...options, input: { height: 16, width: 16, channels: 3 } });
    await assertTraining(network, 16, expected, { gradients: 1e-4, training: 1e-4 });
  });

testOnEachDevice(test, 'ResNet-50 a sixteenth as wide: logits, loss, gradients, five steps', async (backend) => {
  const network = new ResNet50({ backend }, { width: 4, classes: 10 });
  await assertTraining(network, 48, readTorch<TorchTraining>('resnet50'), { gradients: 1e-4, training: 1e-4 });
});

testOnEachDevice(test, 'AdamW: five steps', async (backend) => {
  const weights = parameter(backend, drawn(1, 6));
  const options = { learningRate: 0.01, betas: [0.9, 0.99], epsilon: 1e-6, weightDecay: 0.1 } as const;
  const optimizer = new AdamW(new Map([['weights', weights]]), { ...options, decays: () => true });
  for (const [step, expected] of readTorch<number[][]>('adamw').entries()) {
    using _ = scope();
    optimizer.step([Tensor.from(backend, drawn(10 + step, 6))]);
    assertClose(await weights.data(), expected, backend.name === 'reference' ? 1e-11 : 1e-6, `step ${step}`);
  }
  optimizer.dispose();
  weights.dispose();
});

interface TorchMargin {
  loss: number;
  embeddings: number[];
  centres: number[];
}

const MARGIN_LABELS = [0, 1, 2, 3, 4, 0];

type MarginLogits = (embeddings: Tensor, centres: Tensor) => Tensor;

const MARGINS: Record<string, MarginLogits> = {
  arcface: (embeddings, centres) => arcFaceLogits(embeddings, centres, MARGIN_LABELS, { scale: 16 }),
  easy: (embeddings, centres) => arcFaceLogits(embeddings, centres, MARGIN_LABELS, { scale: 16, easy: true }),
  cosface: (embeddings, centres) =>
    cosFaceLogits(cosines(embeddings, centres), MARGIN_LABELS, { scale: 16, margin: 0.35 }),
};

/** Six embeddings of four numbers; the last is nearly opposite to its centre. */
function marginPoints(backend: Backend) {
  const centres = drawn(2, 20);
  const points = drawn(1, 24).map((value, i) => (i < 20 ? value : 0.1 * value - centres[i - 20]));
  return { embeddings: parameter(backend, points, [6, 4]), centres: parameter(backend, centres, [5, 4]) };
}

for (const [name, logits] of Object.entries(MARGINS))
  testOnEachDevice(test, `${name}: loss and gradients`, async (backend) => {
    using _ = scope();
    const expected = readTorch<Record<string, TorchMargin>>('margins')[name];
    const { embeddings, centres } = marginPoints(backend);
    const loss = crossEntropy(logits(embeddings, centres), MARGIN_LABELS);
    const [dEmbeddings, dCentres] = gradients(loss, [embeddings, centres]);
    const tolerance = backend.name === 'reference' ? 1e-6 : 1e-4; // the points were rounded to float32
    assertClose(await loss.data(), [expected.loss], tolerance, 'loss');
    assertClose(await dEmbeddings.data(), expected.embeddings, tolerance, 'gradient of the embeddings');
    assertClose(await dCentres.data(), expected.centres, tolerance, 'gradient of the centres');
  });

test.run();
