import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../src/kernels/backend';
import { openReference } from '../../src/kernels/reference/backend';
import { decodeModel, encodeCheckpoint, encodeModel, resume } from '../../src/nn/checkpoint';
import type { EmbeddingNetwork } from '../../src/nn/embedding-network';
import { meanEmbedding } from '../../src/nn/evaluation';
import { MiniResNet } from '../../src/nn/mini-resnet';
import { encodeOnnx, exportOnnx, openOnnx } from '../../src/nn/onnx';
import {
  isTuned,
  type TunedNetwork,
  type TunedNetworkOptions,
  tunedNetworkFrom,
  tuneOnnx,
} from '../../src/nn/onnx/tuned-network';
import { STANDARDIZED } from '../../src/nn/prepared-pixels';
import { plainData, Trainer } from '../../src/nn/trainer';
import { gradients } from '../../src/tensor/autograd';
import { multiply } from '../../src/tensor/ops/arithmetic';
import { sum } from '../../src/tensor/ops/reduce';
import { random } from '../../src/tensor/random';
import { scope } from '../../src/tensor/scope';
import { Tensor } from '../../src/tensor/tensor';
import { testOnEachDevice } from '../helpers/devices';
import { assertClose, rejection } from '../helpers/numbers';

const test = suite('networks of ONNX files learn on');

const SHAPE = { height: 16, width: 16, channels: 3 };
const SIDES = [SHAPE.height, SHAPE.width, SHAPE.channels];
const EMBEDDING = 5;
const TUNED: TunedNetworkOptions = {
  ...{ input: SHAPE, embedding: EMBEDDING, classes: 0, scale: 16 },
  ...{ preparation: STANDARDIZED, classifier: 'cosine' },
};

const normals = (seed: number, count: number) => {
  const draw = random(seed);
  return Float32Array.from({ length: count }, () => draw.normal());
};

/** A network with statistics that are not those of a new one, and its ONNX file. */
async function exported(backend: Backend) {
  const network = new MiniResNet(
    { backend, random: random(3) },
    { input: SHAPE, widths: [4], depths: [1], embedding: EMBEDDING, classes: 0 },
  );
  let seed = 0;
  for (const [path, buffer] of network.buffers())
    backend.write(
      buffer.slot,
      normals(++seed, buffer.size).map((value) => (path.endsWith('running_var') ? 0.5 + value ** 2 : 0.3 * value)),
    );
  const model = await exportOnnx(backend, (images) => [network.embed(images)], {
    ...{ name: 'mini-resnet', inputShape: SIDES, outputs: ['embedding'] },
    parameters: () => new Map([...network.parameters(), ...network.buffers()]),
  });
  return { network, bytes: encodeOnnx(model) };
}

const tuned = (backend: Backend, bytes: Uint8Array, options: Partial<TunedNetworkOptions> = {}) =>
  tuneOnnx({ backend, random: random(4) }, bytes, { ...TUNED, ...options }, { output: 'embedding' });

/** [height, width, in, out] as [out, in, height, width]; matrices turned. */
function inFileOrder(values: ArrayLike<number>, shape: readonly number[]): number[] {
  if (shape.length < 4) return Array.from(values);
  const [height, width, inChannels, outChannels] = shape;
  const result: number[] = [];
  for (let o = 0; o < outChannels; o++)
    for (let c = 0; c < inChannels; c++)
      for (let p = 0; p < height * width; p++) result.push(values[(p * inChannels + c) * outChannels + o]);
  return result;
}

testOnEachDevice(
  test,
  'embeddings and gradients are those of the network that the file was made of',
  async (backend) => {
    const { network, bytes } = await exported(backend);
    const other = await tuned(backend, bytes);
    const images = normals(9, 2 * 16 * 16 * 3);
    const weights = normals(8, 2 * EMBEDDING);
    const lookedAt = async (one: EmbeddingNetwork) => {
      const readings = (() => {
        using _ = scope();
        const embeddings = one.embed(Tensor.from(backend, images, [2, ...SIDES]));
        const loss = sum(multiply(embeddings, Tensor.from(backend, weights, [2, EMBEDDING])));
        const named = [...one.parameters()];
        const found = gradients(
          loss,
          named.map(([, tensor]) => tensor),
        );
        const slopes = found.map(async (gradient, k): Promise<[string, number[]]> => {
          const own = await gradient.data();
          return [named[k][0], one === network ? inFileOrder(own, gradient.shape) : Array.from(own)];
        });
        return { embeddings: embeddings.data(), slopes: Promise.all(slopes) };
      })();
      return { embeddings: await readings.embeddings, slopes: new Map(await readings.slopes) };
    };
    const [expected, found] = [await lookedAt(network.evaluate()), await lookedAt(other.train())];
    assertClose(found.embeddings, expected.embeddings, 1e-5, 'embeddings');
    const centre = found.slopes.get('embedding.centre');
    assertClose(
      centre ?? [],
      [0, 1, 2, 3, 4].map((k) => weights[k] + weights[5 + k]),
      1e-5,
      'the centre',
    );
    found.slopes.delete('embedding.centre');
    assert.equal([...found.slopes.keys()].sort(), [...expected.slopes.keys()].sort());
    for (const [path, slopes] of expected.slopes) {
      // The file holds matrices as the network has them, or turned.
      const own = found.slopes.get(path) ?? [];
      const largest = Math.max(...slopes.map(Math.abs));
      assertClose(
        [...own].map((value) => value / largest),
        slopes.map((value) => value / largest),
        1e-4,
        path,
      );
    }
    network.dispose();
    other.dispose();
  },
);

test('it is trained like any network, and its file is opened as a model and as a network of others', async () => {
  const backend = openReference();
  const { network, bytes } = await exported(backend);
  network.dispose();
  const people = [0, 1, 2, 0, 1, 2].map((label, k) => ({
    label,
    pixels: normals(20 + label, 768).map((x, at) => x + 0.1 * Math.sin(k * at)),
  }));
  const settings = {
    epochs: 4,
    batchSize: 3,
    learningRate: 0.01,
    optimizer: 'adamw',
    warmUpEpochs: 0,
    seed: 5,
  } as const;
  const train = async (stops: number) => {
    let one: TunedNetwork = await tuned(backend, bytes, { classes: 3 });
    let trainer = new Trainer(one, plainData(people, people), settings);
    for await (const _ of trainer.run(undefined, stops));
    if (trainer.step < trainer.steps) {
      const file = decodeModel(await encodeCheckpoint(trainer, {}), 'the file');
      trainer.dispose();
      one.dispose();
      one = tunedNetworkFrom(backend, file.model, 'the file');
      trainer = new Trainer(one, plainData(people, people), settings);
      resume(trainer, file, 'the file');
      for await (const _ of trainer.run());
    }
    return { one, trainer };
  };
  const { one, trainer } = await train(8);
  assert.is(trainer.step, 8);
  const losses = trainer.history.map(({ loss }) => loss);
  assert.ok(losses[3] < 0.7 * losses[0], `the loss falls: ${losses.join(', ')}`);
  const resumed = await train(3);
  assert.equal(await resumed.one.state(), await one.state(), 'after a stop it goes on to the bit');

  const file = await encodeModel(trainer, { names: '["Ada","Ben","Cy"]' });
  const { model } = decodeModel(file, 'the file');
  assert.ok(isTuned(model.metadata));
  const again = tunedNetworkFrom(backend, model, 'the file');
  const images = normals(30, 2 * 768);
  const embeddings = async (of: TunedNetwork) => {
    using _ = scope();
    return await of.embed(Tensor.from(backend, images, [2, ...SIDES])).data();
  };
  const expected = await embeddings(one);
  assert.equal(await embeddings(again), expected);
  const imported = await openOnnx(backend, file);
  assert.is(imported.metadata.get('names'), '["Ada","Ben","Cy"]');
  const [output] = (() => {
    using _ = scope();
    return imported.forward(Tensor.from(backend, images, [2, ...SIDES])).map((tensor) => tensor.data());
  })();
  assertClose(
    await output,
    expected,
    1e-6,
    'weights rounded to the float32 that an ONNX file holds, layer after layer',
  );
  for (const each of [one, resumed.one, again]) each.dispose();
  await imported.dispose();
});

test('about their centre, embeddings have the mean 0', async () => {
  const backend = openReference();
  const { network, bytes } = await exported(backend);
  const one = await tuned(backend, bytes);
  const images = Array.from({ length: 5 }, (_, k) => ({ label: 0, pixels: normals(40 + k, 768) }));
  const before = await meanEmbedding(one, images);
  assert.ok(Math.hypot(...before) > 0.1);
  await one.centre(before);
  assertClose(await meanEmbedding(one, images), new Float64Array(EMBEDDING), 1e-6);
  network.dispose();
  one.dispose();
});

test('what cannot be trained on is refused in a sentence', async () => {
  const backend = openReference();
  const { network, bytes } = await exported(backend);
  network.dispose();
  const refused = (options: Partial<TunedNetworkOptions>, output: string, file = bytes) =>
    rejection(tuneOnnx({ backend }, file, { ...TUNED, ...options }, { output, source: 'a.onnx' }));
  assert.match((await refused({}, 'logits')).message, /^a\.onnx: there is no output logits/);
  assert.match(
    (await refused({}, 'embedding', bytes.subarray(0, 100))).message,
    /^a\.onnx: it is no ONNX file, or damaged/,
  );
  const wrong = await tuned(backend, bytes, { embedding: 7 })
    .then((one) => {
      using _ = scope();
      try {
        one.embed(Tensor.from(backend, normals(1, 768), [1, ...SIDES]));
      } finally {
        one.dispose();
      }
    })
    .catch((error: Error) => error);
  assert.ok(wrong instanceof Error);
  assert.throws(
    () => tunedNetworkFrom(backend, { tensors: new Map(), metadata: { architecture: 'onnx', options: '{}' } }, 'b'),
    /^b: does not say which options its network was tuned with$/,
  );
});

test.run();
