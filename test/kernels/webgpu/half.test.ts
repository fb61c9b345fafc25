import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../../src/kernels/backend';
import type { KernelCall, KernelName, Slot } from '../../../src/kernels/kernel';
import { openReference } from '../../../src/kernels/reference/backend';
import { openWebgpu, type WebgpuBackend } from '../../../src/kernels/webgpu/backend';
import { MATRIX_TILES, matrixSizes } from '../../../src/kernels/webgpu/gemm';
import { type Halving, halfFormOf, onHalves } from '../../../src/kernels/webgpu/half';
import { dispatchesOf } from '../../../src/kernels/webgpu/kernels';
import { isOfMatrices, SHADER_NAMES, type ShaderName, shaderSource } from '../../../src/kernels/webgpu/shaders';
import { shapeKey } from '../../../src/kernels/webgpu/tile-table';
import { compile } from '../../../src/nn/compile';
import { crossEntropy } from '../../../src/nn/loss';
import { MiniResNet } from '../../../src/nn/mini-resnet';
import { Sgd } from '../../../src/nn/optimizer';
import { RecordedStep } from '../../../src/nn/recorded-step';
import { gradients } from '../../../src/tensor/autograd';
import { scale } from '../../../src/tensor/ops/arithmetic';
import { random } from '../../../src/tensor/random';
import { Tensor } from '../../../src/tensor/tensor';
import { testGpu, testOnEachDevice } from '../../helpers/devices';
import { requestIdleDevice } from '../../helpers/gpu';
import { toHalf } from '../../helpers/halves';
import { assertClose, rejection } from '../../helpers/numbers';
import { type Case, KERNEL_CASES } from '../cases';
import { callOf, largestError, results, TOLERANCE } from '../run-case';

const test = suite('half precision');
const reference = openReference();

/** Halves have 11 binary digits: each number read is off by 2^-11 of itself at most. */
const HALF_TOLERANCE = 1e-3;

const SMALL = 'small beside the images of a batch, and done in full in mixed precision';
const UPDATE = 'changes parameters, whose steps are too small for halves';
const OUTSIDE = 'works on photos and not in the plan of a network';
/** Why a kernel has float32 only. */
const FULL_ONLY: { readonly [K in KernelName]?: string } = {
  adamStep: UPDATE,
  affineWarp: OUTSIDE,
  channelSums: SMALL,
  combine: UPDATE,
  divideByRoot: UPDATE,
  l2NormalizeGradient: SMALL,
  repeat: SMALL,
  rightAnswers: SMALL,
  sgdStep: UPDATE,
  sigmoidGradient: SMALL,
  softmaxCrossEntropy: SMALL,
  softmaxCrossEntropyGradient: SMALL,
  softmaxGradient: SMALL,
  updateMoments: UPDATE,
};

const shadersOf = (one: Case<KernelName>): ShaderName[] =>
  dispatchesOf(callOf(one), Number.POSITIVE_INFINITY).map(({ shader }) => shader);
const hasHalfForm = (one: Case<KernelName>): boolean =>
  shadersOf(one).some((shader) => halfFormOf(shader) !== undefined);

/** Cases by kernel, those that have a form for halves. */
const SUPPORTED = Object.entries(KERNEL_CASES)
  .filter(([kernel]) => !(kernel in FULL_ONLY))
  .map(([kernel, cases]) => ({ kernel, cases: cases.filter(hasHalfForm) }));

const HALF_SHADERS = SHADER_NAMES.filter((shader) => halfFormOf(shader) !== undefined);

test('every kernel has a form for halves, or a reason why not', () => {
  for (const [kernel, cases] of Object.entries(KERNEL_CASES)) {
    const without = cases.filter((one) => !hasHalfForm(one)).map(({ title }) => title);
    assert.equal(without, kernel in FULL_ONLY ? cases.map(({ title }) => title) : [], kernel);
  }
});

test('shaders with a form for halves declare their tensors as real, and what stays in full as f32', () => {
  for (const shader of HALF_SHADERS) {
    const { fullInputs = [], fullOutputs = [] } = halfFormOf(shader) ?? {};
    const sizes = isOfMatrices(shader) ? matrixSizes(MATRIX_TILES[0]) : undefined;
    const bindings = Array.from(
      shaderSource(shader, { subgroups: false, matrices: 'by hand', sizes }).matchAll(
        /@binding\((\d+)\) var<storage, (read|read_write)> \w+: array<(\w+)>/g,
      ),
      ([, binding, access, type]) => ({ place: Number(binding) - 1, isOutput: access === 'read_write', type }),
    );
    const inputs = bindings.filter(({ isOutput }) => !isOutput).length;
    for (const { place, isOutput, type } of bindings) {
      const isFull = isOutput ? fullOutputs.includes(place - inputs) : fullInputs.includes(place);
      const expected = isFull ? ['f32', 'Numbers'] : ['real', 'Lanes'];
      assert.ok(expected.includes(type), `${shader}: binding ${place + 1} is an array of ${type}`);
    }
    assert.ok(bindings.length >= 2, `${shader}: its bindings were not found`);
  }
});

test('WGSL takes every shader with halves, and tensor cores', async () => {
  const device = await requestIdleDevice();
  const conversions: ShaderName[] = ['narrow', 'narrowVectors', 'widen', 'widenVectors'];
  for (const shader of [...HALF_SHADERS, ...conversions])
    for (const sizes of isOfMatrices(shader) ? MATRIX_TILES.map(matrixSizes) : [undefined])
      for (const subgroups of [false, true]) {
        const code = shaderSource(shader, { subgroups, matrices: 'device', storage: 'f16', sizes });
        const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
        assert.equal(
          messages.map(({ lineNum, message }) => `${shader}:${lineNum}: ${message}`),
          [],
        );
      }
  device.destroy();
});

/** A backend whose half precision is tried with f32, on the tests' device. */
async function openRehearsal(): Promise<WebgpuBackend | undefined> {
  const gpu = await testGpu();
  return gpu && openWebgpu({ device: gpu.device, halves: 'f32' });
}

async function assertSupportedKernels(backend: WebgpuBackend, tolerance: number): Promise<void> {
  const before = backend.liveBytes;
  for (const { kernel, cases } of SUPPORTED)
    for (const [seed, one] of cases.entries()) {
      const [expected] = await results(reference, one, seed, { rounded: toHalf });
      const [, prepared] = await results(backend, one, seed, { precision: 'half', rounded: toHalf });
      const error = largestError(prepared, expected);
      assert.ok(error < tolerance, `${kernel}, ${one.title}: relative error ${error}`);
    }
  assert.is(backend.liveBytes, before, 'bytes were left behind');
}

test('but for the rounding, programs of halves compute what reference does', async () => {
  const backend = await openRehearsal();
  if (!backend) return;
  await assertSupportedKernels(backend, TOLERANCE);
  await backend.close();
});

test('where the device has halves, they are as near to reference as halves can be', async () => {
  const gpu = await testGpu();
  if (!gpu) return;
  if (gpu.features.half) await assertSupportedKernels(gpu, HALF_TOLERANCE);
  else assert.match(gpu.halfRefusal ?? '', /^webgpu: half precision needs the feature shader-f16, which .+ lacks$/);
});

const NETWORK = {
  input: { height: 9, width: 8, channels: 3 },
  widths: [4, 6],
  depths: [1, 1],
  stemStride: 1,
  form: 'post-activation',
  plain: false,
  embedding: 5,
  dropout: 0,
  classes: 3,
  classifier: 'linear',
  scale: 16,
} as const;
const INPUT = [2, 9, 8, 3];

const newNetwork = (backend: Backend): MiniResNet => new MiniResNet({ backend, random: random(4) }, NETWORK);

async function embeddings(backend: Backend, precision: 'full' | 'half'): Promise<number[]> {
  const network = newNetwork(backend);
  const plan = await compile(backend, (images) => [network.embed(images)], INPUT, { precision });
  network.dispose();
  const generator = random(5);
  backend.write(
    plan.input.slot,
    Float32Array.from({ length: plan.input.size }, () => generator.normal()),
  );
  plan.run();
  plan.run();
  const [output] = plan.outputs;
  const numbers = Array.from(await output.data());
  plan.dispose();
  return numbers;
}

/** Those that have a choice of tiles. */
async function shapesOfNetwork(): Promise<string[]> {
  const network = newNetwork(reference);
  const plan = await compile(reference, (images) => [network.embed(images)], INPUT);
  network.dispose();
  plan.dispose();
  return plan.calls.flatMap((call) => shapeKey(call) ?? []);
}

test("a residual network's plan: with f32 as in full, with halves nearly so", async () => {
  const gpu = await testGpu();
  const rehearsal = await openRehearsal();
  if (!gpu || !rehearsal) return;
  const before = gpu.liveBytes;
  const full = await embeddings(gpu, 'full');
  assert.equal(await embeddings(rehearsal, 'half'), full);
  if (gpu.features.half) assertClose(await embeddings(gpu, 'half'), full, HALF_TOLERANCE);
  assert.is(rehearsal.liveBytes, 0, 'bytes were left behind');
  assert.is(gpu.liveBytes, before, 'bytes were left behind');
  await rehearsal.close();
});

test('a plan in halves takes half the bytes, and nothing that Dawn checks is wrong', async () => {
  const device = await requestIdleDevice();
  // The smallest tile needs more workgroup memory than this device has.
  const tiles = new Map((await shapesOfNetwork()).map((shape) => [shape, '32x32x32, 4 rows']));
  const backend = await openWebgpu({ device, tiles: async () => tiles });
  assert.is(backend.halfRefusal, undefined);
  const network = newNetwork(backend);
  const weights = backend.liveBytes;
  const make = (precision: 'full' | 'half') =>
    compile(backend, (images) => [network.embed(images)], INPUT, { precision });
  const full = await make('full');
  const bytesInFull = backend.liveBytes - weights;
  full.dispose();
  const half = await make('half');
  const bytesInHalf = backend.liveBytes - weights;
  const biases = half.calls.reduce(
    (sum, call) => sum + (call.kernel === 'conv2d' || call.kernel === 'matmul' ? (call.inputs.bias?.length ?? 0) : 0),
    0,
  );
  // Input and output lie in full and in halves, biases in full, all else in halves.
  const ends = half.input.size + half.outputs[0].size;
  const expected = (bytesInFull - 4 * (biases + ends)) / 2 + 4 * biases + 6 * ends;
  // Rounded up to whole f32, slot by slot.
  assert.ok(Math.abs(bytesInHalf - expected) <= 4 * half.calls.length, `${bytesInHalf}, not ${expected}`);
  half.run();
  await half.outputs[0].data(); // rejects with what the device reports
  half.dispose();
  network.dispose();
  assert.is(backend.liveBytes, 0);
  await backend.close();
  device.destroy();
});

/** Losses and weights of three steps: forward, backward, SGD with momentum. */
async function trained(backend: Backend, precision: 'full' | 'half', lossScale = 1) {
  const network = new MiniResNet({ backend, random: random(4) }, { ...NETWORK, widths: [4, 8] });
  network.train();
  const optimizer = new Sgd(network.parameters(), { learningRate: 0.1, momentum: 0.9, weightDecay: 0.01 });
  const recorded = new RecordedStep(backend, { precision });
  const generator = random(6);
  const losses: number[] = [];
  let bytes = backend.liveBytes;
  for (let k = 0; k < 3; k++) {
    const images = Float32Array.from({ length: INPUT.reduce((a, b) => a * b) }, () => generator.normal());
    const [loss] = await recorded.run(() => {
      const loss = crossEntropy(network.forward(Tensor.from(backend, images, INPUT)), [0, 2]);
      const slopes = gradients(scale(loss, lossScale), [...network.parameters().values()]);
      optimizer.step(slopes, lossScale);
      return [loss];
    });
    losses.push((await loss.data())[0]);
    if (k === 0) bytes = backend.liveBytes - bytes;
  }
  const weights = [...(await network.state()).values()].flatMap(({ values }) => [...values]);
  recorded.dispose();
  optimizer.dispose();
  network.dispose();
  return { losses, weights, bytes };
}

test('training in mixed precision: with f32 as in full, with halves nearly so, and what its calls hand on takes half', async () => {
  const gpu = await testGpu();
  const rehearsal = await openRehearsal();
  if (!gpu || !rehearsal) return;
  const full = await trained(gpu, 'full');
  const mixed = await trained(rehearsal, 'half', 1024);
  assertClose(mixed.losses, full.losses, 1e-5);
  assertClose(mixed.weights, full.weights, 1e-5);
  if (gpu.features.half) {
    const halves = await trained(gpu, 'half', 1024);
    assertClose(halves.losses, full.losses, 1e-2);
    assert.ok(halves.bytes < 0.75 * full.bytes, `${halves.bytes} of ${full.bytes}`);
  }
  assert.is(rehearsal.liveBytes, 0, 'bytes were left behind');
  await rehearsal.close();
});

const REFUSALS = {
  reference: /^reference: half precision is for GPUs; open a webgpu device, or compile with full precision$/,
  wasm: /^wasm: half precision is for GPUs; open a webgpu device, or compile with full precision$/,
  webgpu: /^webgpu: half precision needs the feature shader-f16, which .+ lacks$/,
};

testOnEachDevice(test, 'who has no halves says so and leaves nothing behind', async (backend) => {
  if (backend.halfRefusal === undefined) {
    assert.is((await embeddings(backend, 'half')).length, INPUT[0] * NETWORK.embedding);
    return;
  }
  const network = newNetwork(backend);
  const compiling = compile(backend, (images) => [network.embed(images)], INPUT, { precision: 'half' });
  assert.match((await rejection(compiling)).message, REFUSALS[backend.name]);
  const preparing = backend.prepare([], new Set(), { half: { results: new Set() } });
  assert.match((await rejection(preparing)).message, REFUSALS[backend.name]);
  network.dispose();
});

test('what has no form for halves, and what it wants of others, is done in full; the rest goes on in halves', async () => {
  const backend = await openRehearsal();
  if (!backend) return;
  const slots = Array.from({ length: 4 }, () => backend.allocate(8));
  const [input, doubled, sums, output] = slots;
  backend.write(input, [1, 2, 3, 4, 5, 6, 7, 8]);
  const before = backend.liveBytes;
  const activation = { slope: 1, ceiling: Number.POSITIVE_INFINITY };
  const calls: KernelCall[] = [
    {
      kernel: 'scale',
      inputs: { input },
      outputs: { output: doubled },
      attributes: { length: 8, factor: 2, offset: 0 },
    },
    {
      kernel: 'channelSums',
      inputs: { input: doubled },
      outputs: { output: sums },
      attributes: { length: 8, channels: 4 },
    },
    {
      kernel: 'add',
      inputs: { left: doubled, right: sums },
      outputs: { output },
      attributes: { length: 8, rightLength: 4, activation },
    },
  ];
  const program = await backend.prepare(calls, new Set(), { half: { results: new Set([output]) } });
  program.run();
  const expected = [14, 20, 26, 32, 22, 28, 34, 40];
  assert.equal([...(await backend.read(output))].slice(0, 8), expected);
  program.free();
  assert.is(backend.liveBytes, before);

  // The same numbers lie in the same slots for a while in halves, for a while in full.
  const storages = (halvingOf: (call: KernelCall) => Halving) => {
    const wanted = calls.map((call) => ({ call, dispatches: dispatchesOf(call, Number.POSITIVE_INFINITY) }));
    const { ofCalls } = onHalves(wanted, { constants: new Set(), results: new Set([output]), halvingOf }, 'f16');
    return ofCalls.map(({ before, dispatches, after }) =>
      [...before, ...dispatches, ...after].map(({ shader, storage = 'f32' }) => `${shader} ${storage}`),
    );
  };
  assert.equal(
    storages(() => 'always'),
    [
      ['narrowVectors f16', 'scale f16'],
      ['widenVectors f16', 'sumRowsVectors f32'],
      ['narrowVectors f16', 'addVectors f16', 'widenVectors f16'],
    ],
  );
  assert.equal(
    storages(({ kernel }) => (kernel === 'add' ? 'always' : 'never')),
    [
      ['scale f32'],
      ['sumRowsVectors f32'],
      ['narrowVectors f16', 'narrowVectors f16', 'addVectors f16', 'widenVectors f16'],
    ],
  );
  for (const slot of slots) backend.free(slot);
  await backend.close();
});

/** The result of it in f16 nobody computes: the device only checks, and that the change is taken is what is tested. */
for (const storage of ['f32', 'f16'] as const)
  test(`a program of halves, ${storage}, takes new scalars, whatever stands before a call`, async () => {
    const device = storage === 'f16' ? await requestIdleDevice() : undefined;
    const backend = device ? await openWebgpu({ device }) : await openRehearsal();
    if (!backend) return;
    const slots = Array.from({ length: 3 }, () => backend.allocate(4));
    const [input, middle, output] = slots;
    backend.write(input, [1, 2, 3, 4]);
    const scale = (from: Slot, to: Slot, factor: number, length = 4): KernelCall => ({
      kernel: 'scale',
      inputs: { input: from },
      outputs: { output: to },
      attributes: { length, factor, offset: 0 },
    });
    const program = await backend.prepare([scale(input, middle, 2), scale(middle, output, 3)], new Set(), {
      half: { results: new Set([output]) },
    });
    program.run();
    if (!device) assert.equal([...(await backend.read(output))], [6, 12, 18, 24]);
    program.change(new Map([[1, scale(middle, output, 5)]]));
    assert.throws(
      () => program.change(new Map([[1, scale(middle, output, 5, 400)]])),
      /changed in more than its scalars/,
    );
    program.run();
    if (!device) assert.equal([...(await backend.read(output))], [10, 20, 30, 40]);
    program.free();
    for (const slot of slots) backend.free(slot);
    await backend.close();
    device?.destroy();
  });

test.run();
