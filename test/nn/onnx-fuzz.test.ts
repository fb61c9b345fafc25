/** Damaged files: each gives a clear error or a result, soon, and without more memory than is allowed. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openReference } from '../../src/kernels/reference/backend';
import { decodeOnnx, encodeOnnx, openOnnx } from '../../src/nn/onnx';
import { DATA_TYPE } from '../../src/nn/onnx/proto';
import { type Random, random } from '../../src/tensor/random';
import { floats, node, onnxFile, sizeOf, wholes } from '../helpers/onnx-models';

const FILES = 1000;
/** Bytes that a plan may take here. */
const MEMORY = 4 << 20;
/** Time of the processor that one file may take: far more than any does. */
const MILLISECONDS = 3000;

const processorTime = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Small networks that have most of what a file can have. */
const SOUND = [
  onnxFile({
    inputs: { x: ['n', 2, 6, 5] },
    outputs: ['y', 's'],
    initializers: [
      floats('k', [4, 2, 3, 3]),
      floats('b', [4]),
      floats('v', [4], [1, 2, 3, 4]),
      floats('w', [24, 3]),
      wholes('t', [-1, 24]),
      wholes('pads', [0, 0, 1, 1, 0, 0, 0, 1]),
      floats('scales', [4], [1, 1, 2, 1.5]),
    ],
    nodes: [
      node('Conv', ['x', 'k', 'b'], ['c'], { strides: [1, 2], pads: [1, 1, 1, 1], dilations: [1, 1], group: 1 }),
      node('BatchNormalization', ['c', 'b', 'b', 'b', 'v'], ['n1']),
      node('Relu', ['n1'], ['r']),
      node('MaxPool', ['r'], ['m'], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }),
      node('Pad', ['m', 'pads'], ['p'], { mode: 'reflect' }),
      node('Resize', ['m', '', 'scales'], ['s']),
      node('AveragePool', ['p'], ['a'], { kernel_shape: [2, 2], count_include_pad: 1, pads: [1, 0, 0, 1] }),
      node('Reshape', ['m', 't'], ['f']),
      node('MatMul', ['f', 'w'], ['q']),
      node('Softmax', ['q'], ['y'], { axis: 1 }),
    ],
  }),
  onnxFile({
    inputs: { x: [1, 2, 4] },
    outputs: ['y', 'z'],
    initializers: [
      wholes('zero', [0], DATA_TYPE.int64, []),
      wholes('first', [0]),
      wholes('open', [-1]),
      wholes('repeats', [1, 2, 1]),
      wholes('shape', [2, 3]),
      floats('w', [2, 3, 2]),
      wholes('q', [3, -5], DATA_TYPE.int8),
      floats('qs', [], [0.5]),
    ],
    nodes: [
      node('Shape', ['x'], ['s']),
      node('Gather', ['s', 'zero'], ['g'], { axis: 0 }),
      node('Unsqueeze', ['g', 'first'], ['u']),
      node('Concat', ['u', 'open'], ['t'], { axis: 0 }),
      node('Reshape', ['x', 't'], ['f']),
      node('Slice', ['f', 'first', 'open', 'open'], ['sl']),
      node('Tile', ['x', 'repeats'], ['ti']),
      node('Split', ['ti'], ['p1', 'p2'], { axis: 1 }),
      node('Transpose', ['p1'], ['tr'], { perm: [0, 2, 1] }),
      node('ConvTranspose', ['x', 'w'], ['ct'], { strides: [2], pads: [0, 1] }),
      node('ReduceMean', ['ct'], ['rm'], { axes: [-1], keepdims: 1 }),
      node('ConstantOfShape', ['shape'], ['cs']),
      node('Range', ['zero', 'four', 'one'], ['ra']),
      node('Constant', [], ['four'], { value_int: 4 }),
      node('Constant', [], ['one'], { value_int: 1 }),
      node('Add', ['x', 'ra'], ['ad']),
      node('DequantizeLinear', ['q', 'qs'], ['d']),
      node('Mul', ['tr', 'd'], ['y']),
      node('MatMul', ['ad', 'tr'], ['mm']),
      node('Sum', ['mm', 'csum'], ['z']),
      node('ReduceMax', ['cs'], ['csum'], { keepdims: 0 }),
      node('Expand', ['sl', 'shape'], ['unused']),
      node('Identity', ['rm'], ['unused2']),
    ],
  }),
];

const EXTREMES = [
  -1n,
  0n,
  1n,
  2n,
  3n,
  7n,
  64n,
  1000n,
  65_537n,
  1n << 31n,
  (1n << 31n) - 1n,
  1n << 53n,
  (1n << 63n) - 1n,
  -(1n << 63n),
];

const pick = <T>(generator: Random, values: readonly T[]): T => values[generator.below(values.length)];

/** Bits or bytes changed, or the end cut off. */
function damaged(bytes: Uint8Array, generator: Random): Uint8Array {
  if (generator.next() < 0.2) return bytes.slice(0, generator.below(bytes.length));
  const copy = bytes.slice();
  for (let changes = 1 + generator.below(4); changes > 0; changes--)
    copy[generator.below(copy.length)] ^= generator.next() < 0.5 ? 1 << generator.below(8) : generator.below(256);
  return copy;
}

/** A sound file that says something absurd. */
function absurd(bytes: Uint8Array, generator: Random): Uint8Array {
  const model = decodeOnnx(bytes);
  const { graph } = model;
  if (!graph) throw new Error('a sound file has a graph');
  const extreme = () => pick(generator, EXTREMES);
  const changed = pick(generator, graph.node);
  const tensor = pick(generator, graph.initializer);
  const names = [...graph.node.flatMap(({ output }) => output), ...graph.initializer.map(({ name }) => name), 'x', ''];
  const changes: (() => void)[] = [
    () => (tensor.dims[generator.below(tensor.dims.length + 1)] = extreme()),
    () => tensor.dims.push(extreme()),
    () => (tensor.dataType = generator.below(24)),
    () => {
      tensor.dataLocation = 1;
      tensor.externalData = [{ $typeName: 'onnx.StringStringEntryProto', key: 'location', value: '../secret' }];
    },
    () => (tensor.int64Data = tensor.int64Data.map(extreme)),
    () => (tensor.rawData = tensor.rawData.map(() => generator.below(256))),
    // Circles, among others.
    () => (changed.input[generator.below(changed.input.length + 1)] = pick(generator, names)),
    () => (changed.output[0] = pick(generator, names)),
    () => (changed.opType = pick(generator, graph.node).opType),
    () => changed.input.pop(),
    () => {
      for (const attribute of changed.attribute) {
        attribute.i = extreme();
        attribute.ints = attribute.ints.map((value) => (generator.next() < 0.5 ? extreme() : value));
      }
    },
    () => {
      for (const side of graph.input[0].type?.tensorType?.shape?.dim ?? [])
        if (generator.next() < 0.4) side.dimValue = extreme();
    },
  ];
  for (let count = 1 + generator.below(2); count > 0; count--) pick(generator, changes)();
  return encodeOnnx(model);
}

const test = suite('damaged ONNX files');

test(`${FILES} of them: a clear error or a result, and soon`, async () => {
  const backend = openReference();
  const generator = random(11);
  const tally = { refused: 0, computed: 0 };
  let read = 0;
  const readExternal = () => {
    read++;
    return new Uint8Array(8);
  };
  for (let k = 0; k < FILES; k++) {
    const sound = pick(generator, SOUND);
    const bytes = (k % 2 === 0 ? damaged : absurd)(sound, generator);
    const started = processorTime();
    try {
      const network = await openOnnx(backend, bytes, { source: 'a.onnx', memoryLimit: MEMORY, readExternal });
      const shapes = network.inputs.map(({ name, shape }): [string, number[]] => [
        name,
        shape.map((side) => side ?? 2),
      ]);
      try {
        const plan = await network.prepare(Object.fromEntries(shapes));
        const results = await plan.run(
          Object.fromEntries(shapes.map(([name, shape]) => [name, new Float32Array(sizeOf(shape))])),
        );
        for (const { shape, values } of results.values()) assert.is(values.length, sizeOf(shape), `file ${k}`);
        tally.computed++;
      } finally {
        await network.dispose();
      }
    } catch (error) {
      assert.instance(error, Error);
      const { message } = error instanceof Error ? error : new Error();
      assert.match(message, /^a\.onnx: \S[^\n]*$/, `file ${k}`);
      assert.not.match(
        message,
        /undefined|not a function|not iterable|BigInt|array length|call stack|\[object/,
        `file ${k}`,
      );
      tally.refused++;
    }
    assert.is(backend.liveBytes, 0, `file ${k} left bytes behind`);
    const took = processorTime() - started;
    assert.ok(took < MILLISECONDS, `file ${k} took ${took} ms`);
  }
  assert.is(read, 0, 'files outside of the folder were read');
  // Both happen: else nothing was tried.
  assert.ok(tally.refused > FILES / 10 && tally.computed > FILES / 10, JSON.stringify(tally));
});

test('the sound files give results', async () => {
  const backend = openReference();
  for (const bytes of SOUND) {
    const network = await openOnnx(backend, bytes, { memoryLimit: MEMORY });
    const shapes = network.inputs.map(({ name, shape }): [string, number[]] => [name, shape.map((side) => side ?? 2)]);
    await (await network.prepare(Object.fromEntries(shapes))).run();
    await network.dispose();
  }
});

test.run();
