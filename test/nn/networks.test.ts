import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openReference } from '../../src/kernels/reference/backend';
import { compile } from '../../src/nn/compile';
import { fromKerasResNet50, fromTorch } from '../../src/nn/import-weights';
import { MiniResNet, miniResNetFrom } from '../../src/nn/mini-resnet';
import type { Module } from '../../src/nn/module';
import type { BlockForm } from '../../src/nn/residual-block';
import { KERAS_RESNET50, ResNet50 } from '../../src/nn/resnet50';
import { random } from '../../src/tensor/random';
import { type NamedValues, readSafetensors, writeSafetensors } from '../../src/tensor/safetensors';
import { scope } from '../../src/tensor/scope';
import { type Shape, sizeOf } from '../../src/tensor/shape';
import { Tensor } from '../../src/tensor/tensor';
import { testOnEachDevice } from '../helpers/devices';
import { assertClose, thrown } from '../helpers/numbers';

const test = suite('networks');

const FORMS: readonly BlockForm[] = ['article', 'post-activation', 'pre-activation'];
const INPUT = { height: 12, width: 10, channels: 3 };
const SMALL = { input: INPUT, widths: [4, 8], depths: [2, 1], embedding: 6, classes: 3 };
const IMAGES: Shape = [2, 12, 10, 3];

const draw = (shape: Shape, seed = 1) => {
  const generator = random(seed);
  return Float32Array.from({ length: sizeOf(shape) }, () => generator.normal());
};

/** Running averages that are not 0 and 1, as training leaves them. */
async function season(network: Module): Promise<void> {
  const state = await network.state();
  const generator = random(4);
  for (const path of network.buffers().keys())
    state.get(path)?.values.forEach((_, i, values) => {
      values[i] = generator.between(0.5, 1.5);
    });
  network.load(state);
}

for (const form of FORMS)
  for (const plain of [false, true])
    testOnEachDevice(
      test,
      `MiniResNet, ${form}${plain ? ', plain' : ''}: its plan computes the same`,
      async (backend) => {
        const network = new MiniResNet({ backend, random: random(2) }, { ...SMALL, form, plain });
        await season(network);
        const plan = await compile(backend, (images) => [network.embed(images)], IMAGES);
        {
          using _ = scope();
          const images = Tensor.from(backend, draw(IMAGES), IMAGES);
          const [embedding] = plan.run(images);
          const expected = network.embed(images);
          assertClose(await embedding.data(), await expected.data(), 1e-5);
          const inBlocks = plan.calls.filter(({ kernel }) => kernel === 'batchNorm' || kernel === 'add');
          assert.is(inBlocks.length, 0, 'norms and shortcuts are parts of convolutions');
        }
        plan.dispose();
        network.dispose();
      },
    );

test('paths are those that a checkpoint holds', () => {
  const network = new MiniResNet({ backend: openReference() }, { ...SMALL, depths: [1, 1] });
  assert.equal([...network.parameters().keys()].slice(0, 6), [
    'stem.conv.weight',
    'stem.bn.weight',
    'stem.bn.bias',
    'stages.0.0.conv1.weight',
    'stages.0.0.bn1.weight',
    'stages.0.0.bn1.bias',
  ]);
  assert.ok(network.parameters().has('stages.1.0.downsample.0.weight'));
  assert.ok(network.buffers().has('embedding.bn.running_var'));
});

testOnEachDevice(test, 'MiniResNet through a file: the same options, the same bits', async (backend) => {
  const network = new MiniResNet({ backend, random: random(2) }, { ...SMALL, classifier: 'cosine' });
  await season(network);
  const bytes = writeSafetensors(await network.state(), network.metadata());
  const copy = miniResNetFrom(backend, readSafetensors(bytes));
  assert.equal(copy.options, network.options);
  assert.equal(await copy.state(), await network.state());
  network.dispose();
  copy.dispose();
});

testOnEachDevice(test, 'files that do not fit are refused in a sentence, and nothing is changed', async (backend) => {
  const network = new MiniResNet({ backend, random: random(2) }, SMALL);
  const state = await network.state();
  const refusal = (change: (changed: Map<string, NamedValues>) => void) => {
    const changed = new Map(
      [...state].map(([path, { shape, values }]) => [path, { shape, values: values.map(() => 7) }]),
    );
    change(changed);
    return thrown(() => network.load(changed, 'a.safetensors')).message;
  };
  const value = { shape: [2], values: Float32Array.of(1, 2) };
  assert.is(
    refusal((changed) => changed.delete('stem.bn.bias')),
    'a.safetensors: misses stem.bn.bias; is it of another architecture, or of other options?',
  );
  assert.is(
    refusal((changed) => changed.set('fc.bias', value)),
    'a.safetensors: holds fc.bias, which this network does not have; is it of another architecture?',
  );
  assert.is(
    refusal((changed) => changed.set('stem.bn.bias', value)),
    'a.safetensors: stem.bn.bias is [2], this network needs [4]',
  );
  assert.equal(await network.state(), state);

  const live = backend.liveBytes;
  const from = (metadata: Record<string, string>, tensors = state) =>
    thrown(() => miniResNetFrom(backend, { tensors, metadata }, 'a.safetensors')).message;
  assert.is(from({}), 'a.safetensors: is no mini-resnet, but of an unnamed architecture');
  assert.is(from({ architecture: 'resnet50' }), 'a.safetensors: is no mini-resnet, but resnet50');
  assert.is(
    from({ architecture: 'mini-resnet', options: '{"classes": 3}' }),
    'a.safetensors: does not say which options its mini-resnet was made with',
  );
  assert.match(from(network.metadata(), new Map()), 'a.safetensors: misses stem.conv.weight, stem.bn.weight');
  assert.is(backend.liveBytes, live);
  network.dispose();
});

test("PyTorch's order of axes becomes this library's", () => {
  const values = Float32Array.from({ length: 24 }, (_, i) => i);
  const tensors = new Map<string, NamedValues>([
    ['conv1.weight', { shape: [2, 3, 1, 4], values }],
    ['fc.weight', { shape: [2, 3], values: values.slice(0, 6) }],
    ['bn1.num_batches_tracked', { shape: [1], values: Float32Array.of(5) }],
  ]);
  const imported = fromTorch(tensors);
  assert.equal([...imported.keys()], ['conv1.weight', 'fc.weight']);
  assert.equal(imported.get('fc.weight'), { shape: [3, 2], values: Float32Array.of(0, 3, 1, 4, 2, 5) });
  const filter = imported.get('conv1.weight');
  assert.equal(filter?.shape, [1, 4, 3, 2]);
  // [o,c,p,q] at 12 o + 4 c + q: [0,q,c,o] counts o first.
  assert.equal(Array.from(filter?.values ?? []).slice(0, 7), [0, 12, 4, 16, 8, 20, 1]);
});

/** Keras's names for the paths of ResNet50, the biases in front of norms included. */
function kerasNames(network: ResNet50): Map<string, NamedValues> {
  const named = new Map<string, NamedValues>();
  const put = (name: string, shape: Shape) => {
    const values = draw(shape, named.size + 1).map((value) =>
      name.endsWith('variance:0') ? 1 + value ** 2 : 0.1 * value,
    );
    named.set(`${name}`, { shape, values });
  };
  for (const [path, { shape }] of network.parameters()) {
    const block = /^layer(\d)\.(\d)\.(?:(conv|bn)(\d)|downsample\.(\d))\.(\w+)$/.exec(path);
    const [layer, role] = block
      ? [
          `conv${Number(block[1]) + 1}_block${Number(block[2]) + 1}_${block[4] ?? 0}_${block[3] ?? ['conv', 'bn'][Number(block[5])]}`,
          block[6],
        ]
      : path
          .replace(/^(conv|bn)1\./, 'conv1_$1.')
          .replace('fc', 'predictions')
          .split('.');
    if (!layer.endsWith('_bn')) {
      put(`${layer}/${role === 'weight' ? 'kernel' : 'bias'}:0`, shape);
      if (layer.endsWith('_conv')) put(`${layer}/bias:0`, [shape[3]]);
      continue;
    }
    put(`${layer}/${role === 'weight' ? 'gamma' : 'beta'}:0`, shape);
    if (role === 'weight') for (const moment of ['mean', 'variance']) put(`${layer}/moving_${moment}:0`, shape);
  }
  return named;
}

testOnEachDevice(test, "Keras's ResNet50 loads, its biases in the running means", async (backend) => {
  const network = new ResNet50({ backend }, { ...KERAS_RESNET50, width: 4, classes: 5 });
  const named = kerasNames(network);
  assert.ok(named.has('conv2_block1_0_conv/kernel:0') && named.has('conv5_block3_3_bn/moving_variance:0'));
  network.load(fromKerasResNet50(named));
  const mean = Array.from(named.get('conv3_block2_2_bn/moving_mean:0')?.values ?? []);
  const bias = named.get('conv3_block2_2_conv/bias:0')?.values ?? [];
  const loaded = network.buffers().get('layer2.1.bn2.running_mean');
  assertClose(
    (await loaded?.data()) ?? [],
    mean.map((value, c) => value - bias[c]),
    1e-6,
  );
  assert.is(
    thrown(() => fromKerasResNet50(new Map([['conv9/kernel:0', { shape: [1], values: Float32Array.of(1) }]]))).message,
    'keras: ResNet50 has no place for conv9/kernel:0',
  );
  network.dispose();
});

testOnEachDevice(test, 'ResNet50: its plan computes the same', async (backend) => {
  const network = new ResNet50({ backend, random: random(3) }, { width: 4, depths: [1, 2], classes: 5 });
  await season(network);
  const plan = await compile(backend, (images) => [network.forward(images)], [1, 32, 32, 3]);
  {
    using _ = scope();
    const images = Tensor.from(backend, draw([1, 32, 32, 3]), [1, 32, 32, 3]);
    const [logits] = plan.run(images);
    assertClose(await logits.data(), await network.forward(images).data(), 1e-4);
  }
  plan.dispose();
  network.dispose();
});

test.run();
