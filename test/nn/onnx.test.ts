import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { exportModel, exportPretrained } from '../../src/face/onnx';
import { openPretrained } from '../../src/face/pretrained/networks';
import type { Backend } from '../../src/kernels/backend';
import { openReference } from '../../src/kernels/reference/backend';
import type { Forward } from '../../src/nn/compile';
import { MINI_RESNET_PRESETS, MiniResNet, type MiniResNetOptions } from '../../src/nn/mini-resnet';
import { decodeOnnx, encodeOnnx, exportOnnx, type OnnxModel } from '../../src/nn/onnx';
import { transposed } from '../../src/nn/onnx/graph';
import { leakyRelu, prelu, relu, relu6, sigmoid } from '../../src/tensor/ops/activations';
import { add, multiply, scale } from '../../src/tensor/ops/arithmetic';
import { concat } from '../../src/tensor/ops/concat';
import { conv2d } from '../../src/tensor/ops/conv2d';
import { depthwiseConv2d } from '../../src/tensor/ops/depthwise-conv2d';
import { globalAveragePool } from '../../src/tensor/ops/global-average-pool';
import { matmul } from '../../src/tensor/ops/matmul';
import { pad } from '../../src/tensor/ops/pad';
import { averagePool2d, maxPool2d } from '../../src/tensor/ops/pool2d';
import { resizeBilinear } from '../../src/tensor/ops/resample';
import { l2Normalize, softmax } from '../../src/tensor/ops/rows';
import { random } from '../../src/tensor/random';
import { writeSafetensors } from '../../src/tensor/safetensors';
import { scope } from '../../src/tensor/scope';
import type { Shape } from '../../src/tensor/shape';
import { Tensor } from '../../src/tensor/tensor';
import { testDevices } from '../helpers/devices';
import { assertClose, rejection } from '../helpers/numbers';
import { evaluate, numbersOf } from './onnx-evaluator';

const test = suite('onnx');
const backend = openReference();
const generator = random(17);
const drawn = (...shape: number[]) =>
  Tensor.from(
    backend,
    Float32Array.from({ length: shape.reduce((size, side) => size * side, 1) }, () => generator.normal()),
    shape,
  );

/** What a runtime relies on: versions, names that are defined once and before they are read, shapes, no leftovers. */
function expectSound(model: OnnxModel): void {
  assert.is(model.irVersion, 8n);
  assert.equal(
    model.opsetImport.map(({ domain, version }) => [domain, version]),
    [['', 17n]],
  );
  const { graph } = model;
  assert.ok(graph);
  const known = new Set(['input', ...graph.initializer.map(({ name }) => name)]);
  assert.is(known.size, graph.initializer.length + 1);
  const read = new Set(graph.output.map(({ name }) => name));
  for (const { name, input, output } of graph.node) {
    for (const operand of input) {
      assert.ok(known.has(operand), `${name} reads ${operand} before it is there`);
      read.add(operand);
    }
    for (const result of output) {
      assert.not(known.has(result), `${result} is given twice`);
      known.add(result);
    }
  }
  assert.is(new Set(graph.node.map(({ name }) => name)).size, graph.node.length);
  for (const { name } of [...graph.initializer, ...graph.output]) assert.ok(known.has(name) && read.has(name), name);
  for (const { dims, rawData, dataType, name } of graph.initializer)
    assert.is(rawData.length, dims.reduce((size, side) => size * Number(side), 1) * (dataType === 7 ? 8 : 4), name);
}

/** The written file, read again and carried out by the evaluator, gives the network's outputs for batches of 1 and 3. */
async function expectSame(device: Backend, forward: Forward, shape: Shape, model: OnnxModel): Promise<void> {
  const read = decodeOnnx(encodeOnnx(model));
  expectSound(read);
  const { graph } = read;
  assert.ok(graph);
  for (const batch of shape[0] > 100 ? [1] : [1, 3]) {
    const values = Float32Array.from({ length: batch * shape.reduce((size, side) => size * side) }, () =>
      generator.normal(),
    );
    const ours = await (() => {
      using _ = scope();
      const outputs = forward(Tensor.from(device, values, [batch, ...shape]));
      return Promise.all(outputs.map(async (output) => ({ shape: output.shape, values: await output.data() })));
    })();
    const turned = (numbers: ArrayLike<number>, dims: Shape) =>
      dims.length === 4 ? transposed(numbers, dims, [0, 3, 1, 2]) : Float64Array.from(numbers);
    const dims = shape.length === 3 ? [batch, shape[2], shape[0], shape[1]] : [batch, ...shape];
    const theirs = evaluate(graph, { dims, values: turned(values, [batch, ...shape]) });
    for (const [k, { name, type }] of graph.output.entries()) {
      const their = theirs.get(name);
      assert.ok(their);
      const declared = type?.tensorType?.shape?.dim.map(({ dimParam, dimValue }) => dimParam || Number(dimValue));
      assert.equal(declared, ['batch', ...their.dims.slice(1)]);
      assertClose(their.values, turned(ours[k].values, ours[k].shape), 1e-5, name);
    }
  }
}

const exported = (forward: Forward, inputShape: Shape, outputs: readonly string[] = ['output']) =>
  exportOnnx(backend, forward, { name: 'test', inputShape, outputs });

/** Untrained, with statistics that are not 0 and 1. */
async function modelFile(options: Partial<MiniResNetOptions>) {
  const small = { ...MINI_RESNET_PRESETS.tiny, widths: [4, 6], depths: [1, 2], embedding: 8, classes: 3, ...options };
  const network = new MiniResNet({ backend, random: random(3) }, small);
  const state = await network.state();
  for (const [name, { values }] of state)
    if (name.includes('.running_') || /bn.*\.bias$/.test(name))
      for (let k = 0; k < values.length; k++) values[k] = generator.between(0.5, 1.5);
  network.load(state);
  const names = JSON.stringify(['Ada', 'Ben', 'Cleo']);
  const calibration = JSON.stringify({ flip: { threshold: 1, slope: 5, centre: 1 } });
  return { network, state, bytes: writeSafetensors(state, { ...network.metadata(), names, calibration }) };
}

for (const form of ['post-activation', 'pre-activation', 'article'] as const)
  for (const classifier of ['linear', 'cosine'] as const)
    test(`a MiniResNet, ${form}, ${classifier}, gives the same numbers`, async () => {
      const { network, bytes } = await modelFile({ form, classifier });
      const model = await exportModel(backend, bytes, 'test');
      const forward: Forward = (images) => {
        const embedding = network.embed(images);
        return [embedding, network.classify(embedding)];
      };
      await expectSame(backend, forward, [56, 48, 1], model);
      network.dispose();
    });

test('weights are initializers of their own names, and the metadata say how to prepare a face', async () => {
  const { network, state, bytes } = await modelFile({ input: { height: 40, width: 32, channels: 3 } });
  const { graph, metadataProps } = decodeOnnx(encodeOnnx(await exportModel(backend, bytes, 'test')));
  assert.ok(graph);
  const found = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  for (const [name, { shape, values }] of state) {
    const tensor = found.get(name);
    assert.ok(tensor, name);
    const axes = shape.length === 4 ? [3, 2, 0, 1] : [...shape.keys()];
    assert.equal(
      tensor.dims.map(Number),
      axes.map((axis) => shape[axis]),
    );
    assert.equal(numbersOf(tensor).values, transposed(Float32Array.from(values), shape, axes));
    found.delete(name);
  }
  assert.is(found.size, 0);
  assert.equal(
    graph.output.map(({ name }) => name),
    ['embedding', 'logits'],
  );
  const metadata = new Map(metadataProps.map(({ key, value }) => [key, value]));
  assert.is(metadata.get('names'), '["Ada","Ben","Cleo"]');
  assert.is(JSON.parse(metadata.get('calibration') ?? '').flip.threshold, 1);
  assert.equal(JSON.parse(metadata.get('preprocessing') ?? ''), {
    template: 'arcface',
    width: 32,
    height: 40,
    channels: 'RGB',
    range: [0, 255],
    standardisation: 'image',
  });
  network.dispose();
});

test('the pretrained face ResNet gives the same numbers', async () => {
  const [, wasm] = await testDevices();
  const { forward, weights } = await openPretrained(wasm, 'face_recognition');
  await expectSame(wasm, forward, [150, 150, 3], await exportPretrained(wasm, 'face-recognition'));
  weights.dispose();
});

test('every operation that has a counterpart gives the same numbers', async () => {
  const weights = {
    filter: drawn(3, 3, 3, 8),
    each: drawn(3, 3, 8, 1),
    bias: drawn(8),
    slopes: drawn(8),
    dense: drawn(24, 5),
    pixelwise: drawn(8, 4),
    whole: drawn(3, 5, 4),
  };
  const forward: Forward = (image) => {
    let x = relu6(conv2d(image, weights.filter, { bias: weights.bias, stride: 2 }));
    x = leakyRelu(depthwiseConv2d(x, weights.each, { bias: weights.bias }), 0.1);
    x = prelu(add(x, weights.bias), weights.slopes);
    x = multiply(x, sigmoid(x));
    const pooled = maxPool2d(x, { size: 3, stride: 2, padding: 'same' });
    const joined = concat([pooled, averagePool2d(x, { size: 2, padding: 'same' }), pooled], 3);
    const padded = pad(joined, { top: 1, right: 2, channels: 1 });
    const features = globalAveragePool(joined);
    const probabilities = softmax(scale(matmul(l2Normalize(features), weights.dense), 2, 1));
    const [batch, height, width] = pooled.shape;
    const pixels = matmul(pooled.reshape(batch * height * width, 8), weights.pixelwise);
    const image4 = add(relu(pixels).reshape(batch, height, width, 4), weights.whole);
    const rows = concat([image4.reshape(batch, height * width * 4), probabilities], 1);
    return [padded, softmax(image4), rows, l2Normalize(image4)];
  };
  await expectSame(backend, forward, [11, 18, 3], await exported(forward, [11, 18, 3], ['a', 'b', 'c', 'd']));
  for (const weight of Object.values(weights)) weight.dispose();
});

test('what cannot be exported is refused by name, and nothing is left behind', async () => {
  const before = backend.liveBytes;
  const refusal = async (forward: Forward, outputs?: string[]) =>
    (await rejection(exported(forward, [4, 4, 3], outputs))).message;
  assert.match(await refusal((x) => [resizeBilinear(x, 8, 8)]), /^onnx: resizeBilinear has no counterpart/);
  assert.match(await refusal((x) => [x]), /^onnx: output output \[4,4,3\] is not computed/);
  assert.match(await refusal((x) => [relu(x)], ['a', 'b']), /^onnx: 2 names for the 1 outputs/);
  assert.match(await refusal((x) => [relu(x).reshape(4, 24)]), /mixes images|not computed image by image/);
  const right = drawn(3, 3);
  assert.match(
    await refusal((x) => [matmul(right, x.reshape(3, 32))]),
    /^onnx: a product that is not of rows with a parameter/,
  );
  right.dispose();
  assert.is(backend.liveBytes, before);
});

test('a damaged file is refused', () => {
  assert.throws(() => decodeOnnx(Uint8Array.of(0x3a, 0xff, 0xff, 0x03, 1)));
});

test.run();
