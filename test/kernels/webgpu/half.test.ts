import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../../src/kernels/backend';
import type { KernelName } from '../../../src/kernels/kernel';
import { openReference } from '../../../src/kernels/reference/backend';
import { openWebgpu, type WebgpuBackend } from '../../../src/kernels/webgpu/backend';
import { fullInputsOf } from '../../../src/kernels/webgpu/half';
import { dispatchesOf } from '../../../src/kernels/webgpu/kernels';
import { SHADER_NAMES, type ShaderName, shaderSource } from '../../../src/kernels/webgpu/shaders';
import { shapeKey } from '../../../src/kernels/webgpu/tile-table';
import { compile } from '../../../src/nn/compile';
import { MiniResNet } from '../../../src/nn/mini-resnet';
import { random } from '../../../src/tensor/random';
import { testGpu, testOnEachDevice } from '../../helpers/devices';
import { requestIdleDevice } from '../../helpers/gpu';
import { assertClose, rejection } from '../../helpers/numbers';
import { type Case, KERNEL_CASES } from '../cases';
import { callOf, largestError, results, TOLERANCE } from '../run-case';

const test = suite('half precision');
const reference = openReference();

/** Halves have 11 binary digits: each number read is off by 2^-12 of itself at most, or less. */
const HALF_TOLERANCE = 1e-3;

const TRAINING = 'only in training, whose gradients need the range of float32';
const OUTSIDE = 'works on photos and not in the plan of a network';
/** Why a kernel has float32 only. */
const FULL_ONLY: { readonly [K in KernelName]?: string } = {
  activationGradient: TRAINING,
  adamStep: TRAINING,
  affineWarp: OUTSIDE,
  averagePool2dGradient: TRAINING,
  batchNormInputGradient: TRAINING,
  batchNormSums: TRAINING,
  batchNormTraining: TRAINING,
  channelMoments: TRAINING,
  channelSums: TRAINING,
  combine: TRAINING,
  conv2dFilterGradient: TRAINING,
  crop: TRAINING,
  depthwiseConv2dFilterGradient: TRAINING,
  depthwiseConv2dInputGradient: TRAINING,
  divideByRoot: TRAINING,
  globalAveragePoolGradient: TRAINING,
  l2NormalizeGradient: TRAINING,
  maxPool2dGradient: TRAINING,
  preluInputGradient: TRAINING,
  preluSlopesGradient: TRAINING,
  repeat: TRAINING,
  rightAnswers: TRAINING,
  sgdStep: TRAINING,
  sigmoidGradient: TRAINING,
  softmaxCrossEntropy: TRAINING,
  softmaxCrossEntropyGradient: TRAINING,
  softmaxGradient: TRAINING,
  updateMoments: TRAINING,
};

const shadersOf = (one: Case<KernelName>): ShaderName[] =>
  dispatchesOf(callOf(one), Number.POSITIVE_INFINITY).map(({ shader }) => shader);
const hasHalfForm = (one: Case<KernelName>): boolean =>
  shadersOf(one).every((shader) => fullInputsOf(shader) !== undefined);

/** Cases by kernel, those that have a form for halves. */
const SUPPORTED = Object.entries(KERNEL_CASES)
  .filter(([kernel]) => !(kernel in FULL_ONLY))
  .map(([kernel, cases]) => ({ kernel, cases: cases.filter(hasHalfForm) }));

const HALF_SHADERS = SHADER_NAMES.filter((shader) => fullInputsOf(shader) !== undefined);

test('every kernel has a form for halves, or a reason why not', () => {
  for (const [kernel, cases] of Object.entries(KERNEL_CASES)) {
    const without = cases.filter((one) => !hasHalfForm(one)).map(({ title }) => title);
    // The gradient of a dense layer's weights is a product with its left operand transposed.
    const expected =
      kernel in FULL_ONLY
        ? cases
        : cases.filter((one) => {
            const call = callOf(one);
            return call.kernel === 'matmul' && call.attributes.transposeLeft;
          });
    // The gradient of the input has a form, being also a product with its right operand transposed.
    if (kernel !== 'conv2dInputGradient')
      assert.equal(
        without,
        expected.map(({ title }) => title),
        kernel,
      );
  }
});

test('shaders with a form for halves declare their tensors as real, and vectors of channels as f32', () => {
  for (const shader of HALF_SHADERS) {
    const full = fullInputsOf(shader) ?? [];
    const bindings = shaderSource(shader, false).matchAll(
      /@binding\((\d+)\) var<storage, read(?:_write)?> \w+: array<(\w+)>/g,
    );
    let count = 0;
    for (const [, binding, type] of bindings) {
      count++;
      const expected = full.includes(Number(binding) - 1) ? ['f32'] : ['real', 'Lanes'];
      assert.ok(expected.includes(type), `${shader}: binding ${binding} is an array of ${type}`);
    }
    assert.ok(count >= 2, `${shader}: its bindings were not found`);
  }
});

test('WGSL takes every shader with halves', async () => {
  const device = await requestIdleDevice();
  const conversions: ShaderName[] = ['narrow', 'narrowVectors', 'widen', 'widenVectors'];
  for (const shader of [...HALF_SHADERS, ...conversions]) {
    const module = device.createShaderModule({ code: shaderSource(shader, true, 'f16') });
    const { messages } = await module.getCompilationInfo();
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

/** The nearest number of eleven binary digits: a half, for all that is drawn here. */
function toHalf(x: number): number {
  if (x === 0 || !Number.isFinite(x)) return x;
  const step = 2 ** (Math.floor(Math.log2(Math.abs(x))) - 10);
  return Math.round(x / step) * step;
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

test('filters take half the bytes, and nothing that Dawn checks is wrong', async () => {
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
  const filters = half.calls.reduce(
    (sum, call) =>
      sum +
      (call.kernel === 'conv2d' ? call.inputs.filter.length : call.kernel === 'matmul' ? call.inputs.right.length : 0),
    0,
  );
  const others = Math.ceil(half.input.size / 2) + Math.ceil(half.outputs[0].size / 2);
  // Rounded up to whole f32, filter by filter.
  const slack = 4 * half.calls.length;
  assert.ok(
    Math.abs(bytesInHalf - (bytesInFull - 2 * filters + 4 * others)) <= slack,
    `${bytesInHalf}, ${bytesInFull}`,
  );
  half.run();
  await half.outputs[0].data(); // rejects with what the device reports
  half.dispose();
  network.dispose();
  assert.is(backend.liveBytes, 0);
  await backend.close();
  device.destroy();
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

test('a kernel without a form for halves is refused by name', async () => {
  const backend = await openRehearsal();
  if (!backend) return;
  const [input, output] = [backend.allocate(8), backend.allocate(4)];
  const before = backend.liveBytes;
  const sums = {
    kernel: 'channelSums',
    inputs: { input },
    outputs: { output },
    attributes: { length: 8, channels: 4 },
  } as const;
  const refused = await rejection(backend.prepare([sums], new Set(), { half: { results: new Set([output]) } }));
  assert.match(refused.message, /^webgpu: channelSums cannot be done in half precision: .*sumRows/);
  const slopes = backend.allocate(4);
  const computed = [
    {
      kernel: 'scale',
      inputs: { input: output },
      outputs: { output: slopes },
      attributes: { length: 4, factor: 2, offset: 0 },
    },
    {
      kernel: 'prelu',
      inputs: { input, slopes },
      outputs: { output },
      attributes: { length: 8, channels: 4 },
    },
  ] as const;
  const also = await rejection(backend.prepare(computed, new Set(), { half: { results: new Set() } }));
  assert.match(also.message, /^webgpu: prelu cannot be done in half precision: a vector of channels is computed/);
  backend.free(slopes);
  assert.is(backend.liveBytes, before);
  await backend.close();
});

test('a program of halves cannot be changed', async () => {
  const backend = await openRehearsal();
  if (!backend) return;
  const program = await backend.prepare([], new Set(), { half: { results: new Set() } });
  assert.throws(() => program.change(new Map()), /half precision cannot be changed/);
  program.free();
  await backend.close();
});

test.run();
