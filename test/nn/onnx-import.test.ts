import { create } from '@bufbuild/protobuf';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openModel } from '../../src/face/model';
import { exportModel, exportPretrained } from '../../src/face/onnx';
import { openPretrained } from '../../src/face/pretrained/networks';
import type { Backend } from '../../src/kernels/backend';
import type { KernelCall } from '../../src/kernels/kernel';
import { openReference } from '../../src/kernels/reference/backend';
import { openWasm } from '../../src/kernels/wasm/backend';
import { compile, type Forward } from '../../src/nn/compile';
import { MINI_RESNET_PRESETS, MiniResNet } from '../../src/nn/mini-resnet';
import { encodeOnnx, freezeOnnx, type OnnxNetwork, openOnnx } from '../../src/nn/onnx';
import { transposed } from '../../src/nn/onnx/graph';
import { DATA_TYPE, TensorProto } from '../../src/nn/onnx/proto';
import { random } from '../../src/tensor/random';
import { writeSafetensors } from '../../src/tensor/safetensors';
import { scope } from '../../src/tensor/scope';
import type { Shape } from '../../src/tensor/shape';
import { Tensor } from '../../src/tensor/tensor';
import { testOnEachDevice } from '../helpers/devices';
import { assertClose, rejection } from '../helpers/numbers';
import { floats, node, onnxFile, sizeOf, type TestModel, wholes } from '../helpers/onnx-models';

const test = suite('imported networks');
const reference = openReference();

const drawn = (shape: Shape, seed = 1): Float32Array => {
  const generator = random(seed);
  return Float32Array.from({ length: sizeOf(shape) }, () => generator.normal());
};

/** Inputs as they come, channels first, and all outputs. */
async function run(backend: Backend, model: TestModel, inputs: Readonly<Record<string, ArrayLike<number>>>) {
  const network = await openOnnx(backend, onnxFile(model));
  try {
    const shapes = network.inputs.map(({ name, shape }): [string, number[]] => [name, shape.map((side) => side ?? 1)]);
    return await (await network.prepare(Object.fromEntries(shapes))).run(inputs);
  } finally {
    await network.dispose();
  }
}

/** One operator on one input, by reference. */
async function apply(
  operator: [name: string, attributes?: Parameters<typeof node>[3]],
  shape: Shape,
  values: ArrayLike<number>,
  more: Partial<TestModel> & { operands?: string[] } = {},
) {
  const { operands = (more.initializers ?? []).map(({ name }) => name), ...rest } = more;
  const [name, attributes] = operator;
  const nodes = [node(name, ['x', ...operands], ['y'], attributes)];
  const results = await run(reference, { inputs: { x: shape }, outputs: ['y'], nodes, ...rest }, { x: values });
  const result = results.get('y');
  assert.ok(result);
  return { shape: result.shape, values: [...result.values] };
}

const counting = (length: number): number[] => Array.from({ length }, (_, k) => k);

/** What the calls are and on what sizes: whatever makes two plans equally fast. */
const kinds = (calls: readonly KernelCall[]) => calls.map(({ kernel, attributes }) => [kernel, attributes]);

/** The plan of the network as it is, and that of the file read back, for an image. */
async function plansOf(backend: Backend, forward: Forward, network: OnnxNetwork, shape: Shape) {
  const own = await compile(backend, forward, shape);
  const imported = await compile(backend, (input) => network.forward(input), shape);
  const calls = [own, imported].map((plan) => kinds(plan.calls));
  return { own, imported, calls };
}

for (const form of ['post-activation', 'pre-activation', 'article'] as const)
  test(`a MiniResNet (${form}) that was exported gives the same plan and the same numbers`, async () => {
    const wasm = await openWasm({ threads: 1 });
    const small = { widths: [4, 8], depths: [1, 2], embedding: 8, classes: 3, form };
    const made = new MiniResNet({ backend: reference, random: random(3) }, { ...MINI_RESNET_PRESETS.tiny, ...small });
    const bytes = writeSafetensors(await made.state(), { ...made.metadata(), names: '["a","b","c"]' });
    made.dispose();
    const { network } = openModel(wasm, bytes);
    const onnx = await openOnnx(wasm, encodeOnnx(await exportModel(wasm, bytes, 'test')));
    const { height, width, channels } = network.options.input;
    const shape = [2, height, width, channels];
    const forward: Forward = (images) => {
      const embedding = network.embed(images);
      return [embedding, network.classify(embedding)];
    };
    const { own, imported, calls } = await plansOf(wasm, forward, onnx, shape);
    assert.equal(
      calls[1].map(([kernel]) => kernel),
      calls[0].map(([kernel]) => kernel),
    );
    assert.equal(calls[1], calls[0]);
    using _ = scope();
    const images = Tensor.from(wasm, drawn(shape), shape);
    const [ours, theirs] = [own.run(images), imported.run(images)];
    for (const [k, output] of ours.entries()) assertClose(await theirs[k].data(), await output.data(), 1e-6);
    own.dispose();
    imported.dispose();
    await wasm.close();
  });

test('the pretrained face ResNet, exported and read back, gives the same plan', async () => {
  const wasm = await openWasm({ threads: 1 });
  const { forward, weights } = await openPretrained(wasm, 'face_recognition');
  const onnx = await openOnnx(wasm, encodeOnnx(await exportPretrained(wasm, 'face-recognition')));
  const { own, imported, calls } = await plansOf(wasm, forward, onnx, [1, 150, 150, 3]);
  assert.equal(calls[1], calls[0]);
  own.dispose();
  imported.dispose();
  weights.dispose();
  await wasm.close();
});

/** The kernels of a plan whose images come with channels last. */
async function kernelsOf(model: TestModel): Promise<string[]> {
  const network = await openOnnx(reference, onnxFile(model));
  const shape = Object.values(model.inputs)[0].map((side) => (typeof side === 'number' ? side : 1));
  const [batch, channels, height, width] = shape;
  const plan = await compile(reference, (input) => network.forward(input), [batch, height, width, channels]);
  const kernels = plan.calls.map(({ kernel }) => kernel);
  plan.dispose();
  return kernels;
}

const IMAGE = [1, 4, 6, 5];
const pointwise = (name: string) => floats(name, [4, 4, 1, 1]);

test('nothing is moved where only the description of a tensor changes', async () => {
  const flattened: TestModel = {
    inputs: { x: IMAGE },
    outputs: ['y'],
    initializers: [pointwise('k'), floats('w', [120, 3]), floats('b', [3])],
    nodes: [
      node('Conv', ['x', 'k'], ['c']),
      node('BatchNormalization', ['c', 'b4', 'b4', 'b4', 'v4'], ['n']),
      node('Relu', ['n'], ['r']),
      node('Flatten', ['r'], ['f']),
      node('Gemm', ['f', 'w', 'b'], ['y']),
    ],
  };
  const norms = [floats('b4', [4]), floats('v4', [4], [1, 2, 3, 4])];
  const model = { ...flattened, initializers: [...(flattened.initializers ?? []), ...norms] };
  assert.equal(await kernelsOf(model), ['conv2d', 'matmul']);

  // There and back again, as PyTorch's exporter and TensorFlow's converter leave it.
  const turned: TestModel = {
    inputs: { x: IMAGE },
    outputs: ['y'],
    initializers: [pointwise('k')],
    nodes: [
      node('Conv', ['x', 'k'], ['c']),
      node('Transpose', ['c'], ['t'], { perm: [0, 2, 3, 1] }),
      node('Sigmoid', ['t'], ['s']),
      node('Transpose', ['s'], ['u'], { perm: [0, 3, 1, 2] }),
      node('Conv', ['u', 'k'], ['d']),
      node('Transpose', ['d'], ['v'], { perm: [0, 2, 3, 1] }),
      node('Reshape', ['v', 'shape'], ['y']),
    ],
  };
  const shape = wholes('shape', [1, -1, 2]);
  assert.equal(await kernelsOf({ ...turned, initializers: [pointwise('k'), shape] }), ['conv2d', 'sigmoid', 'conv2d']);

  // A channel shuffle is one copy.
  const shuffled: TestModel = {
    inputs: { x: IMAGE },
    outputs: ['y'],
    initializers: [pointwise('k'), wholes('apart', [1, 2, 2, 6, 5]), wholes('joined', [1, 4, 6, 5])],
    nodes: [
      node('Conv', ['x', 'k'], ['c']),
      node('Reshape', ['c', 'apart'], ['a']),
      node('Transpose', ['a'], ['t'], { perm: [0, 2, 1, 3, 4] }),
      node('Reshape', ['t', 'joined'], ['j']),
      node('Conv', ['j', 'k'], ['d']),
      node('GlobalAveragePool', ['d'], ['y']),
    ],
  };
  assert.equal(await kernelsOf(shuffled), ['conv2d', 'view', 'conv2d', 'globalAveragePool']);
});

test('what follows from shapes alone is computed before anything runs', async () => {
  const model: TestModel = {
    inputs: { x: ['batch', 4, 6, 5] },
    outputs: ['y'],
    initializers: [
      pointwise('k'),
      wholes('zero', [0], DATA_TYPE.int64, []),
      wholes('first', [0]),
      wholes('open', [-1]),
    ],
    nodes: [
      node('Conv', ['x', 'k'], ['c']),
      node('Shape', ['c'], ['s']),
      node('Gather', ['s', 'zero'], ['g']),
      node('Unsqueeze', ['g', 'first'], ['u']),
      node('Concat', ['u', 'open'], ['t'], { axis: 0 }),
      node('Reshape', ['c', 't'], ['y']),
    ],
  };
  assert.equal(await kernelsOf(model), ['conv2d', 'view']);
  const network = await openOnnx(reference, onnxFile(model));
  const x = drawn([3, 4, 6, 5]);
  const three = await (await network.prepare({ x: [3, 4, 6, 5] })).run({ x });
  assert.equal(three.get('y')?.shape, [3, 120]);
  // Each image by itself, with a plan of its own.
  const one = await network.prepare({ x: [1, 4, 6, 5] });
  assert.is(await network.prepare({ x: [1, 4, 6, 5] }), one, 'asked again, the same plan');
  for (let k = 0; k < 3; k++) {
    const result = (await one.run({ x: x.subarray(120 * k, 120 * (k + 1)) })).get('y');
    assertClose(result?.values ?? [], three.get('y')?.values.subarray(120 * k, 120 * (k + 1)) ?? [], 1e-6);
  }
  await network.dispose();
  assert.is(reference.liveBytes, 0);
});

test('an image may come with channels last', async () => {
  const model: TestModel = {
    inputs: { x: IMAGE },
    outputs: ['y'],
    initializers: [floats('k', [3, 4, 3, 3])],
    nodes: [node('Conv', ['x', 'k'], ['y'], { pads: [1, 1, 1, 1] })],
  };
  const network = await openOnnx(reference, onnxFile(model));
  const x = drawn(IMAGE);
  const first = await (await network.prepare({ x: IMAGE })).run({ x });
  const plan = await network.prepare({ x: IMAGE }, { channelsLast: ['x'] });
  assert.equal(plan.inputs.get('x')?.shape, [1, 6, 5, 4]);
  const last = await plan.run({ x: transposed(x, IMAGE, [0, 2, 3, 1]) });
  assert.equal(last.get('y'), first.get('y'));
  assert.match((await rejection(plan.run({ x: [1] }))).message, /input x takes 120 numbers, not 1/);
  assert.match((await rejection(plan.run({ z: x }))).message, /there is no input z; it has x/);
  await network.dispose();
});

test('outputs that are inputs, constants or each other', async () => {
  const results = await run(
    reference,
    {
      inputs: { x: [2, 2] },
      outputs: ['same', 'relu', 'again', 'constant', 'computed'],
      initializers: [floats('w', [2], [-1, 2])],
      nodes: [
        node('Identity', ['x'], ['same']),
        node('Relu', ['x'], ['relu']),
        node('Reshape', ['relu', 'shape'], ['again']),
        node('Identity', ['w'], ['constant']),
        node('Sigmoid', ['w'], ['computed']),
        node('Constant', [], ['shape'], { value_ints: [4, 1] }),
      ],
    },
    { x: [-1, 2, -3, 4] },
  );
  const numbers = (name: string) => [...(results.get(name)?.values ?? [])];
  assert.equal(numbers('same'), [-1, 2, -3, 4]);
  assert.equal(numbers('relu'), [0, 2, 0, 4]);
  assert.equal(results.get('again')?.shape, [4, 1]);
  assert.equal(numbers('again'), [0, 2, 0, 4]);
  assert.equal(numbers('constant'), [-1, 2]);
  assertClose(numbers('computed'), [0.26894142, 0.88079708], 1e-6);
});

test('operators of which the reference evaluator knows nothing, by hand', async () => {
  const square = counting(4);
  const of = async (...args: Parameters<typeof apply>) => (await apply(...args)).values;
  const two = (name: string, a: number, b: number) => wholes(name, [a, b]);
  assert.equal(
    await of(['Resize', { mode: 'nearest' }], [1, 1, 2, 2], square, {
      initializers: [floats('scales', [4], [1, 1, 1, 2])],
      operands: ['', 'scales'],
    }),
    [0, 0, 1, 1, 2, 2, 3, 3],
  );
  assert.equal(
    await of(['Resize', { mode: 'linear', coordinate_transformation_mode: 'align_corners' }], [1, 1, 1, 2], [0, 3], {
      initializers: [wholes('sizes', [1, 1, 1, 4])],
      operands: ['', '', 'sizes'],
    }),
    [0, 1, 2, 3],
  );
  assert.equal(
    await of(['Pad', { mode: 'reflect' }], [4], square, { initializers: [two('pads', 2, 1)] }),
    [2, 1, 0, 1, 2, 3, 2],
  );
  assert.equal(await of(['Pad', { mode: 'edge' }], [4], square, { initializers: [two('pads', 1, -1)] }), [0, 0, 1, 2]);
  assert.equal(
    await of(['Slice'], [4], square, {
      initializers: ['s', 'e', 'a', 't'].map((name, k) => wholes(name, [[3], [-9], [0], [-2]][k])),
    }),
    [3, 1],
  );
  assert.equal(
    await of(['Gather', { axis: 1 }], [2, 2], square, { initializers: [wholes('i', [-1, 0, 1])] }),
    [1, 0, 1, 3, 2, 3],
  );
  assert.equal(await of(['DepthToSpace', { blocksize: 2 }], [1, 4, 1, 1], square), [0, 1, 2, 3]);
  assert.equal(await of(['Tile'], [2], [7, 8], { initializers: [wholes('r', [2])] }), [7, 8, 7, 8]);
  assert.equal(await of(['ReduceMax', { axes: [0], keepdims: 0 }], [2, 2], [5, 1, 2, 3]), [5, 3]);
  assert.equal(await of(['HardSwish'], [3], [-4, 0, 4]), [0, 0, 4]);
  assert.equal(await of(['Pow'], [2], [-2, 3], { initializers: [floats('e', [2], [3, 2])] }), [-8, 9]);
  assert.equal(await of(['Div'], [2], [6, 1], { initializers: [floats('d', [1], [2])] }), [3, 0.5]);
  assert.equal(
    await of(['ConvTranspose', { strides: [2] }], [1, 1, 2], [1, 2], {
      initializers: [floats('w', [1, 1, 2], [1, 10])],
    }),
    [1, 10, 2, 20],
  );
  assert.equal(
    await of(['AveragePool', { kernel_shape: [2], pads: [1, 0], count_include_pad: 1 }], [1, 1, 2], [2, 4]),
    [1, 3],
  );
  // Three channels that each see themselves and one neighbour: 1 / (1 + 1/2 * (1 + 1))
  assertClose(
    await of(['LRN', { size: 3, alpha: { float: 3 }, beta: { float: 1 } }], [1, 3, 1], [1, 1, 1]),
    [1 / 3, 1 / 4, 1 / 3],
    1e-6,
  );
  // Before opset 13 a softmax went over all axes from its own on.
  assertClose(
    await of(['Softmax', { axis: 1 }], [1, 2, 2], [0, 0, 0, 0], { opset: 11 }),
    [0.25, 0.25, 0.25, 0.25],
    1e-6,
  );
  assertClose(await of(['Softmax', { axis: 1 }], [1, 2, 2], [0, 0, 0, 0]), [0.5, 0.5, 0.5, 0.5], 1e-6);
});

test('quantised weights are float32 again, and a quantised activation is kept within its range', async () => {
  const scale = (name: string, value: number) => floats(name, [], [value]);
  const zero = (name: string, value: number, type: number) => wholes(name, [value], type, []);
  const model: TestModel = {
    inputs: { x: [1, 1, 1, 3] },
    outputs: ['y', 'codes'],
    initializers: [
      wholes('w', [4, -2], DATA_TYPE.int8, [2, 1, 1, 1]),
      floats('ws', [2], [0.5, 0.25]),
      wholes('wz', [0, 0], DATA_TYPE.int8),
      scale('s', 0.1),
      zero('z', 0, DATA_TYPE.uint8),
      scale('cs', 2),
      zero('cz', 3, DATA_TYPE.uint8),
    ],
    nodes: [
      node('DequantizeLinear', ['w', 'ws', 'wz'], ['k'], { axis: 0 }),
      node('Conv', ['x', 'k'], ['c']),
      node('QuantizeLinear', ['c', 's', 'z'], ['q']),
      node('DequantizeLinear', ['q', 's', 'z'], ['y']),
      node('QuantizeLinear', ['x', 'cs', 'cz'], ['n']),
      node('Cast', ['n'], ['codes'], { to: DATA_TYPE.float }),
    ],
  };
  const results = await run(reference, model, { x: [1, -1, 50] });
  // Weights 2 and -0.5; 0 to 25.5 is what eight bits hold.
  assertClose(results.get('y')?.values ?? [], [2, 0, 25.5, 0, 0.5, 0], 1e-6);
  // Halves are rounded to even: 1/2 to 0, -1/2 to 0.
  assert.equal([...(results.get('codes')?.values ?? [])], [3, 3, 28]);
});

test('a quantised activation without a zero is kept within the range of the type that its node declares', async () => {
  const model: TestModel = {
    inputs: { x: [3] },
    outputs: ['y'],
    opset: 21,
    initializers: [floats('s', [], [0.5])],
    nodes: [
      node('QuantizeLinear', ['x', 's'], ['q'], { output_dtype: DATA_TYPE.int8 }),
      node('DequantizeLinear', ['q', 's'], ['y']),
    ],
  };
  const results = await run(reference, model, { x: [-100, -3, 100] });
  assert.equal([...(results.get('y')?.values ?? [])], [-64, -3, 63.5]);
});

testOnEachDevice(
  test,
  'whole numbers are divided without a remainder, and none is lost to rounding',
  async (backend) => {
    const wholeNumbers = Array.from({ length: 60 }, (_, k) => k + 1);
    const model: TestModel = {
      inputs: { x: [60] },
      outputs: ['y', 'z'],
      initializers: [wholes('a', [41], DATA_TYPE.int64, [])],
      nodes: [
        node('Cast', ['x'], ['w'], { to: DATA_TYPE.int64 }),
        node('Mul', ['w', 'a'], ['product']),
        node('Div', ['product', 'a'], ['y']),
        node('Div', ['a', 'w'], ['z']),
      ],
    };
    const results = await run(backend, model, { x: wholeNumbers });
    assert.equal([...(results.get('y')?.values ?? [])], wholeNumbers);
    assert.equal(
      [...(results.get('z')?.values ?? [])],
      wholeNumbers.map((whole) => Math.floor(41 / whole)),
    );
  },
);

test('numbers become truth values alike by Cast and CastLike: all but 0 are true', async () => {
  const like = wholes('like', [1], DATA_TYPE.bool);
  for (const { values } of [
    await apply(['Cast', { to: DATA_TYPE.bool }], [4], [0, 0.5, -2, 1]),
    await apply(['CastLike'], [4], [0, 0.5, -2, 1], { initializers: [like] }),
  ])
    assert.equal(values, [0, 1, 1, 1]);
});

test('float16 weights and their shapes in any field are read', async () => {
  const half = create(TensorProto, {
    name: 'h',
    dims: [3n],
    dataType: DATA_TYPE.float16,
    rawData: new Uint8Array(Uint16Array.of(0x3c00, 0xc000, 0x0001).buffer), // 1, -2, 2^-24
  });
  const { values } = await apply(['Add'], [3], [0, 0, 0], { initializers: [half] });
  assert.equal(values, [1, -2, 2 ** -24]);
});

/** Everything that needed a kernel of its own, small. */
const EVERYTHING: TestModel = {
  inputs: { x: [1, 4, 6, 5], z: [1, 4, 1, 1] },
  outputs: ['y', 'm'],
  initializers: [
    floats('k', [4, 4, 3, 3]),
    floats('t', [4, 4, 2, 2]),
    floats('scales', [4], [1, 1, 1.5, 0.8]),
    floats('w', [5, 3]),
    wholes('pads', [0, 0, 1, 0, 0, 0, 0, 2]),
  ],
  nodes: [
    node('Conv', ['x', 'k'], ['c'], { dilations: [2, 2], pads: [2, 2, 2, 2] }),
    node('HardSwish', ['c'], ['h']),
    node('Mul', ['h', 'z'], ['g']),
    node('Pad', ['g', 'pads'], ['p'], { mode: 'reflect' }),
    node('Resize', ['p', '', 'scales'], ['r'], { mode: 'linear', coordinate_transformation_mode: 'asymmetric' }),
    node('ConvTranspose', ['r', 't'], ['u'], { strides: [2, 2] }),
    node('ReduceMax', ['u'], ['m'], { axes: [1], keepdims: 0 }),
    node('Div', ['c', 'z'], ['d']),
    node('MatMul', ['d', 'w'], ['y']),
  ],
};

testOnEachDevice(test, 'one graph with all the new kernels gives what reference gives', async (backend) => {
  const inputs = { x: drawn([1, 4, 6, 5]), z: [1, -0.5, 2, 3] };
  const [ours, expected] = [await run(backend, EVERYTHING, inputs), await run(reference, EVERYTHING, inputs)];
  for (const [name, { shape, values }] of expected) {
    assert.equal(ours.get(name)?.shape, shape);
    assertClose(ours.get(name)?.values ?? [], values, 1e-5, name);
  }
});

test('a network frozen into safetensors is the same network', async () => {
  const bytes = onnxFile({ ...EVERYTHING, metadata: { note: 'kept' } });
  const frozen = await freezeOnnx(bytes);
  assert.is(frozen.tensors, 4);
  const networks = [await openOnnx(reference, bytes), await openOnnx(reference, frozen.bytes)];
  const shapes = { x: [1, 4, 6, 5], z: [1, 4, 1, 1] };
  const [before, after] = await Promise.all(
    networks.map(async (network) => (await network.prepare(shapes)).run({ x: drawn(shapes.x), z: [1, 2, 3, 4] })),
  );
  assert.equal(after, before);
  assert.is(networks[1].metadata.get('note'), 'kept');
  const layers = await networks[1].layers(shapes);
  assert.equal(layers.map(({ type, parameters, multiplyAdds }) => [type, parameters, multiplyAdds]).at(0), [
    'Conv',
    144,
    6 * 5 * 144,
  ]);
  for (const network of networks) await network.dispose();
  assert.match(
    (await rejection(openOnnx(reference, writeSafetensors(new Map(), {}), { source: 'a.safetensors' }))).message,
    /^a.safetensors: it holds no imported network/,
  );
});

test('weights outside of the file are read from its folder, and from nowhere else', async () => {
  const outside = (location: string, more: Record<string, string> = {}) =>
    create(TensorProto, {
      name: 'w',
      dims: [2n],
      dataType: DATA_TYPE.float,
      dataLocation: 1,
      externalData: Object.entries({ location, ...more }).map(([key, value]) => ({ key, value })),
    });
  const file = (tensor: ReturnType<typeof outside>) =>
    onnxFile({ inputs: { x: [2] }, outputs: ['y'], initializers: [tensor], nodes: [node('Add', ['x', 'w'], ['y'])] });
  const asked: string[] = [];
  const readExternal = (path: string) => {
    asked.push(path);
    return new Uint8Array(Float32Array.of(9, 1, 2).buffer);
  };
  const network = await openOnnx(reference, file(outside('./data/w.bin', { offset: '4', length: '8' })), {
    readExternal,
  });
  const results = await (await network.prepare({ x: [2] })).run({ x: [10, 20] });
  assert.equal([...(results.get('y')?.values ?? [])], [11, 22]);
  await network.dispose();
  assert.equal(asked, ['data/w.bin']);
  const refusal = async (
    tensor: ReturnType<typeof outside>,
    options: Parameters<typeof openOnnx>[2] = { readExternal },
  ) => (await rejection(openOnnx(reference, file(tensor), options))).message;
  for (const path of ['../w.bin', '/etc/passwd', 'a/../../w', 'C:\\w', 'file:///w', '..\\w', '', '.', 'a\0b'])
    assert.match(await refusal(outside(path)), /outside of the model's folder/, path);
  assert.match(await refusal(outside('w', { offset: '8', length: '8' })), /at 8, 8 bytes; the file has 12/);
  assert.match(await refusal(outside('w', { offset: '-4' })), /at -4/);
  assert.match(await refusal(outside('w.bin'), {}), /hand over readExternal/);
  assert.equal(asked, ['data/w.bin', 'w', 'w']);
});

test('what cannot be computed is refused before anything runs, in one sentence that names the node', async () => {
  const refusal = async (model: Partial<TestModel>, shapes?: Record<string, number[]>, memoryLimit?: number) => {
    const whole = { inputs: { x: [2, 3] }, outputs: ['y'], nodes: [], ...model };
    const opened = async () => {
      const network = await openOnnx(reference, onnxFile(whole), {
        source: 'a.onnx',
        ...(memoryLimit && { memoryLimit }),
      });
      return network.prepare(shapes ?? { x: [2, 3] });
    };
    const { message } = await rejection(opened());
    assert.match(message, /^a.onnx: [^\n]+$/);
    assert.is(reference.liveBytes, 0);
    return message;
  };
  assert.match(
    await refusal({ nodes: [node('Relu', ['x'], ['r']), node('NonMaxSuppression', ['r'], ['y'])] }),
    /operators that likeness lacks: node NonMaxSuppression y \(NonMaxSuppression\)/,
  );
  assert.match(await refusal({ nodes: [node('MatMul', ['x', 'x'], ['y'])] }), /node MatMul y \(MatMul\): .*no product/);
  assert.match(await refusal({ nodes: [node('Add', ['x', 'b'], ['y'])] }), /needs b, which nothing gives/);
  assert.match(
    await refusal({ nodes: [node('Add', ['x', 'y'], ['a']), node('Relu', ['a'], ['y'])] }),
    /waits for its own result/,
  );
  assert.match(await refusal({ nodes: [node('Relu', ['x'], ['y']), node('Exp', ['x'], ['y'])] }), /given twice/);
  assert.match(
    await refusal({
      initializers: [floats('s', [2], [2, 3])],
      nodes: [node('Resize', ['x', '', 's'], ['y'], { coordinate_transformation_mode: 'constructor' })],
    }),
    /its coordinate_transformation_mode constructor is not supported/,
  );
  assert.match(await refusal({ opset: 99, nodes: [node('Relu', ['x'], ['y'])] }), /opset 99; 6 to 21/);
  assert.match(await refusal({ nodes: [node('Relu', ['x'], ['y'])] }, { x: [3, 3] }), /takes \[2,3\], not \[3,3\]/);
  assert.match(await refusal({ nodes: [node('Relu', ['x'], ['y'])] }, {}), /shape of input x is missing/);
  assert.match(
    await refusal({ initializers: [wholes('s', [1 << 30, 8])], nodes: [node('ConstantOfShape', ['s'], ['y'])] }),
    /\(ConstantOfShape\): .* more than the 2048 MB/,
  );
  assert.match(
    await refusal(
      {
        initializers: [wholes('s', [1000, 2, 3])],
        nodes: [node('Expand', ['x', 's'], ['e']), node('Relu', ['e'], ['y'])],
      },
      undefined,
      50_000,
    ),
    /would take more than/,
  );
});

test('a small file that asks for endless lists is refused before they are made, whatever memory is allowed', async () => {
  const asking: Record<string, TestModel> = {
    Pad: {
      inputs: { x: [1, 1] },
      outputs: ['y'],
      initializers: [wholes('p', [0, 0, 0, 200_000_000])],
      nodes: [node('Pad', ['x', 'p'], ['y'])],
    },
    Resize: {
      inputs: { x: [1, 1, 1, 1] },
      outputs: ['y'],
      initializers: [wholes('s', [1, 1, 1, 200_000_000])],
      nodes: [node('Resize', ['x', '', '', 's'], ['y'])],
    },
    ConvTranspose: {
      inputs: { x: [1, 1, 2, 2] },
      outputs: ['y'],
      initializers: [floats('w', [1, 1, 2, 1])],
      nodes: [node('ConvTranspose', ['x', 'w'], ['y'], { dilations: [200_000_000, 1] })],
    },
    Conv: {
      inputs: { x: [1, 200_000, 2, 1] },
      outputs: ['y'],
      initializers: [floats('w', [1, 2, 1, 1]), wholes('s', [100_000, 2, 1, 1])],
      nodes: [node('Expand', ['w', 's'], ['many']), node('Conv', ['x', 'many'], ['y'], { group: 100_000 })],
    },
    MatMul: {
      inputs: { x: [20_000_000, 1, 1] },
      outputs: ['y'],
      nodes: [node('MatMul', ['x', 'x'], ['y'])],
    },
  };
  for (const [operator, model] of Object.entries(asking)) {
    const network = await openOnnx(reference, onnxFile(model));
    const shapes = network.inputs.map(({ name, shape }) => [name, shape.map((side) => side ?? 1)]);
    const { message } = await rejection(network.prepare(Object.fromEntries(shapes)));
    assert.match(
      message,
      new RegExp(`^the model: node ${operator} y \\(${operator}\\): \\d+ (places|parts) are more than`),
    );
  }
});

test.run();
