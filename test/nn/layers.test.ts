import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openReference } from '../../src/kernels/reference/backend';
import { BatchNorm2d } from '../../src/nn/batch-norm2d';
import { CosineClassifier } from '../../src/nn/cosine-classifier';
import {
  Conv2d,
  Dropout,
  GlobalAveragePool,
  Linear,
  MaxPool2d,
  PRelu,
  paddedBy,
  Sequential,
} from '../../src/nn/layers';
import { MINI_RESNET_PRESETS, MiniResNet } from '../../src/nn/mini-resnet';
import type { Birth, Module } from '../../src/nn/module';
import { type BlockForm, ResidualBlock } from '../../src/nn/residual-block';
import { ResNet50 } from '../../src/nn/resnet50';
import { parameter } from '../../src/tensor/autograd';
import { random } from '../../src/tensor/random';
import { scope } from '../../src/tensor/scope';
import { type Shape, sizeOf } from '../../src/tensor/shape';
import { Tensor } from '../../src/tensor/tensor';
import { testOnEachDevice } from '../helpers/devices';
import { assertClose, thrown } from '../helpers/numbers';
import { assertGradients, weighted } from './differences';

const test = suite('layers');

const IMAGES: Shape = [2, 6, 5, 3];
const FORMS: readonly BlockForm[] = ['article', 'post-activation', 'pre-activation'];

const LAYERS: { title: string; inputShape: Shape; make(birth: Birth): Module }[] = [
  {
    title: 'Conv2d with stride and bias',
    inputShape: IMAGES,
    make: (birth) => new Conv2d(birth, { inChannels: 3, outChannels: 4, size: 3, stride: 2, bias: true }),
  },
  { title: 'BatchNorm2d', inputShape: IMAGES, make: (birth) => new BatchNorm2d(birth, 3) },
  { title: 'BatchNorm2d of vectors', inputShape: [5, 4], make: (birth) => new BatchNorm2d(birth, 4) },
  { title: 'Linear', inputShape: [3, 4], make: (birth) => new Linear(birth, 4, 5) },
  { title: 'PRelu', inputShape: IMAGES, make: (birth) => new PRelu(birth, 3) },
  { title: 'CosineClassifier', inputShape: [3, 4], make: (birth) => new CosineClassifier(birth, 4, 5) },
  {
    title: 'convolution and pools in sequence',
    inputShape: IMAGES,
    make: (birth) =>
      new Sequential([
        new Conv2d(birth, { inChannels: 3, outChannels: 2, size: 3 }),
        new MaxPool2d({ size: 3, stride: 2, padding: paddedBy(1) }),
        new GlobalAveragePool(),
      ]),
  },
  ...FORMS.flatMap((form) =>
    [
      { shortcut: 'identity', outChannels: 3, stride: 1, plain: false },
      { shortcut: 'projection', outChannels: 4, stride: 2, plain: false },
      { shortcut: 'no skip', outChannels: 4, stride: 2, plain: true },
    ].map(({ shortcut, ...options }) => ({
      title: `ResidualBlock, ${form}, ${shortcut}`,
      inputShape: IMAGES,
      make: (birth: Birth) => new ResidualBlock(birth, { inChannels: 3, form, ...options }),
    })),
  ),
  {
    title: 'MiniResNet with a cosine classifier',
    inputShape: [3, 8, 8, 1],
    make: (birth) => {
      const input = { height: 8, width: 8, channels: 1 };
      const options = { input, widths: [2, 3], depths: [1, 1], embedding: 4, classes: 3 };
      return new MiniResNet(birth, { ...options, classifier: 'cosine' });
    },
  },
];

/** Numbers of an input, none at a kink of a ReLU. */
const draw = (shape: Shape, seed = 3) => {
  const generator = random(seed);
  return Float64Array.from({ length: sizeOf(shape) }, () => generator.normal());
};

/** Moves biases away from 0, where zeros of a padded image would meet the kink of a ReLU. */
async function unsettle(layer: Module): Promise<void> {
  const generator = random(9);
  const state = await layer.state();
  for (const { values } of state.values())
    for (let i = 0; i < values.length; i++) values[i] += generator.between(0.1, 0.3);
  layer.load(state);
}

for (const { title, inputShape, make } of LAYERS)
  for (const mode of ['training', 'evaluation'])
    test(`${title}: gradients in ${mode} equal central differences`, async () => {
      const backend = openReference();
      const layer = make({ backend, random: random(1) });
      await unsettle(layer);
      if (mode === 'training') layer.train();
      const input = parameter(backend, draw(inputShape), inputShape);
      await assertGradients(new Map([['input', input], ...layer.parameters()]), () => weighted(layer.forward(input)));
      input.dispose();
      layer.dispose();
      assert.is(backend.liveBytes, 0);
    });

testOnEachDevice(test, 'batch norm: running averages as in PyTorch', async (backend) => {
  const norm = new BatchNorm2d({ backend, random: random(1) }, 1).train();
  {
    using _ = scope();
    norm.forward(Tensor.from(backend, [1, 2, 3, 6], [4, 1]));
    assertClose(await norm.runningMean.data(), [0.3], 1e-6); // 0.9 * 0 + 0.1 * 3
    assertClose(await norm.runningVariance.data(), [0.9 + 0.1 * (14 / 3)], 1e-6); // unbiased: 14 / (4 - 1)
    norm.evaluate().forward(Tensor.from(backend, [1, 2, 3, 6], [4, 1]));
    assertClose(await norm.runningMean.data(), [0.3], 1e-6);
    const one = Tensor.from(backend, [1], [1, 1]);
    assert.is(
      thrown(() => norm.train().forward(one)).message,
      'batch norm: [1,1] has one number a channel; training needs two',
    );
  }
  norm.dispose();
});

testOnEachDevice(test, 'dropout: in training only, and by the generator that train() was given', async (backend) => {
  using _ = scope();
  const input = Tensor.from(backend, new Float32Array(1000).fill(1));
  const layer = new Sequential([new Dropout(0.25)]);
  assert.is(layer.forward(input), input);
  const once = await layer.train(random(5)).forward(input).data();
  const again = await layer.train(random(5)).forward(input).data();
  assert.equal(Array.from(once), Array.from(again));
  assertClose(Array.from(new Set(once)).sort(), [0, 4 / 3], 1e-6);
  assert.ok(Math.abs(once.filter((value) => value === 0).length - 250) < 50);
  assert.is(
    thrown(() => layer.train().forward(input)).message,
    'dropout: needs a generator; call train(random) on the network',
  );
});

test('weights of convolutions have the variance 2 / fan out of He et al.', async () => {
  const layer = new Conv2d(
    { backend: openReference(), random: random(1) },
    { inChannels: 64, outChannels: 32, size: 3 },
  );
  const values = Array.from(await layer.weight.data());
  const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
  assert.ok(Math.abs(variance / (2 / (9 * 32)) - 1) < 0.03, `variance ${variance}`);
});

test('the networks have as many parameters as they say', () => {
  const birth = { backend: openReference() };
  const presets: [Module, number][] = [
    [new MiniResNet(birth, { classes: 40 }), 2_833_224],
    [new MiniResNet(birth, { ...MINI_RESNET_PRESETS.tiny, classes: 40 }), 329_048],
    [new ResNet50(birth), 25_557_032],
  ];
  for (const [network, count] of presets) {
    assert.is(network.parameterCount, count);
    network.dispose();
  }
});

test.run();
