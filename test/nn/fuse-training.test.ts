import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend, Numbers } from '../../src/kernels/backend';
import {
  inputSlots,
  isUpdate,
  type KernelCall,
  type KernelName,
  LINEAR,
  outputSlots,
  RELU,
  type Slot,
} from '../../src/kernels/kernel';
import { fuseTraining } from '../../src/nn/fuse-training';
import { crossEntropy } from '../../src/nn/loss';
import { MiniResNet, type MiniResNetOptions } from '../../src/nn/mini-resnet';
import { Sgd } from '../../src/nn/optimizer';
import { gradients } from '../../src/tensor/autograd';
import { random } from '../../src/tensor/random';
import { scope } from '../../src/tensor/scope';
import { Tensor } from '../../src/tensor/tensor';
import { testOnEachDevice } from '../helpers/devices';
import { assertClose } from '../helpers/numbers';

const test = suite('fusion of a training step');

/** A backend that carries calls out and writes them down. Slots are freed in the end only, so that each is written once. */
function recorder(target: Backend) {
  const calls: KernelCall[] = [];
  const slots: Slot[] = [];
  const backend: Backend = {
    ...{ name: target.name, description: target.description, bytesOfNumber: target.bytesOfNumber },
    isAsynchronous: target.isAsynchronous,
    get liveBytes() {
      return target.liveBytes;
    },
    allocate(length) {
      const slot = target.allocate(length);
      slots.push(slot);
      return slot;
    },
    free() {},
    write: (slot, values, offset) => target.write(slot, values, offset),
    copy() {
      throw new Error('a training step is calls alone');
    },
    read: (slot) => target.read(slot),
    run(call) {
      calls.push(call);
      target.run(call);
    },
    prepare: (all, constants) => target.prepare(all, constants),
    close: async () => {},
  };
  const free = () => {
    for (const slot of slots.splice(0)) target.free(slot);
  };
  return { backend, calls, free };
}

/** The calls of a step of SGD on a small network, and the slots that last from step to step, as they were before it. */
async function recordStep(target: Backend, options: Partial<MiniResNetOptions>) {
  const { backend, calls, free } = recorder(target);
  const generator = random(3);
  const input = { height: 6, width: 5, channels: 3 };
  const network = new MiniResNet({ backend, random: generator }, { input, embedding: 4, classes: 3, ...options });
  const parameters = network.parameters();
  const optimizer = new Sgd(parameters, { learningRate: 0.1, momentum: 0.9, weightDecay: 1e-3, nesterov: true });
  const images = Float32Array.from({ length: 4 * 6 * 5 * 3 }, () => generator.normal());

  using _ = scope();
  const lasting = [...parameters.values(), ...network.buffers().values()].map(({ slot }) => slot);
  const values = await valuesOf(target, lasting);
  const before = new Map(lasting.map((slot, k) => [slot, values[k]]));
  const logits = network.train(generator).forward(Tensor.from(backend, images, [4, 6, 5, 3]));
  const loss = crossEntropy(logits, [0, 1, 2, 1]);
  optimizer.step(gradients(loss, [...parameters.values()]));
  for (const call of calls)
    if (isUpdate(call))
      for (const slot of outputSlots(call)) if (!before.has(slot)) before.set(slot, new Float32Array(slot.length)); // a velocity
  return { calls, kept: new Set([loss.slot, logits.slot]), before, free };
}

const valuesOf = (backend: Backend, slots: Iterable<Slot>): Promise<Numbers[]> =>
  Promise.all(Array.from(slots, (slot) => backend.read(slot)));

/** Blocks with and without a projection; channels that are multiples of four and that are not. */
const NETWORKS: Partial<MiniResNetOptions>[] = [
  { form: 'article', widths: [5, 6] },
  { form: 'post-activation', widths: [4, 8] },
  { form: 'post-activation', widths: [3, 7] },
  { form: 'pre-activation', widths: [4, 8] },
];

for (const options of NETWORKS)
  testOnEachDevice(test, `${options.form}, ${options.widths}: the same numbers, by fewer calls`, async (backend) => {
    const { calls, kept, before, free } = await recordStep(backend, { ...options, depths: [2, 1], stemStride: 1 });
    const seen = [...kept, ...before.keys()];
    const eager = await valuesOf(backend, seen);
    const runAgain = async (list: readonly KernelCall[]) => {
      for (const [slot, values] of before) backend.write(slot, values);
      for (const call of list) backend.run(call);
      return valuesOf(backend, seen);
    };
    assert.equal(await runAgain(calls), eager, 'what was recorded is the whole step');

    const fused = fuseTraining(calls, kept);
    assertInOrder(fused, calls);
    assert.ok(fused.length < calls.length, `${calls.length} calls became ${fused.length}`);
    const result = await runAgain(fused);
    for (const [k, numbers] of result.entries())
      assertClose(numbers, eager[k], backend.name === 'reference' ? 1e-12 : 2e-5);
    assert.equal(await runAgain(fuseTraining(calls, kept)), result, 'the same bits again');
    free();
  });

/** Nothing is read before it is written, and nothing written twice. */
function assertInOrder(fused: readonly KernelCall[], calls: readonly KernelCall[]): void {
  const waiting = new Set(calls.filter((call) => !isUpdate(call)).flatMap(outputSlots));
  for (const call of fused) {
    for (const slot of inputSlots(call)) assert.not.ok(waiting.has(slot), `${call.kernel} reads what is not yet there`);
    if (isUpdate(call)) continue;
    for (const slot of outputSlots(call)) assert.ok(waiting.delete(slot), `${call.kernel} writes a slot again`);
  }
}

/** A call's kernel and what it has besides. */
const describe = (call: KernelCall): string => {
  const extras = ['residual', 'addend', 'activated'].filter((role) =>
    Object.entries(call.inputs).some(([name, slot]) => name === role && slot),
  );
  const isActivated = 'activation' in call.attributes && call.attributes.activation.slope === 0;
  return [call.kernel, ...extras, ...(isActivated ? ['ReLU'] : [])].join(' ');
};

testOnEachDevice(test, 'an identity block after the stem: every call of its step', async (backend) => {
  if (backend.name !== 'reference') return;
  const { calls, kept, free } = await recordStep(backend, { widths: [4], depths: [1], stemStride: 1 });
  const fused = fuseTraining(calls, kept).map(describe);
  const norm = ['channelMoments', 'updateMoments'];
  assert.equal(fused.slice(0, 12), [
    ...['conv2d', ...norm, 'batchNormTraining ReLU'],
    ...['conv2d', ...norm, 'batchNormTraining ReLU'],
    ...['conv2d', ...norm, 'batchNormTraining residual ReLU'],
  ]);
  const backward = fused.slice(fused.indexOf('globalAveragePoolGradient') + 1);
  assert.equal(backward.slice(0, 14), [
    'activationGradient ReLU', // read by the norm and by the shortcut
    ...['batchNormSums', 'batchNormInputGradient', 'conv2dInputGradient', 'conv2dFilterGradient'],
    ...['batchNormSums activated ReLU', 'batchNormInputGradient activated ReLU'],
    ...['conv2dFilterGradient', 'conv2dInputGradient addend'],
    ...['batchNormSums activated ReLU', 'batchNormInputGradient activated ReLU', 'conv2dFilterGradient'],
    ...['sgdStep', 'sgdStep'],
  ]);
  free();
});

const LENGTH = 8;
const slot = (): Slot => ({ length: LENGTH });
const CHANNELS = { length: LENGTH, channels: 2, epsilon: 1e-5 };

const norm = (output: Slot): KernelCall<'batchNormTraining'> => ({
  kernel: 'batchNormTraining',
  inputs: { input: slot(), moments: slot(), gamma: slot(), beta: slot() },
  outputs: { output },
  attributes: { ...CHANNELS, activation: LINEAR },
});
const activation = (input: Slot, output: Slot, f = RELU): KernelCall<'activation'> => ({
  kernel: 'activation',
  inputs: { input },
  outputs: { output },
  attributes: { length: LENGTH, activation: f },
});
const derivative = (input: Slot, output: Slot, f = RELU): KernelCall<'activationGradient'> => ({
  kernel: 'activationGradient',
  inputs: { input, outputGradient: slot() },
  outputs: { output },
  attributes: { length: LENGTH, activation: f },
});
const sigmoid = (input: Slot): KernelCall<'sigmoid'> => ({
  kernel: 'sigmoid',
  inputs: { input },
  outputs: { output: slot() },
  attributes: { length: LENGTH },
});
const sgdStep = (parameter: Slot, gradient: Slot): KernelCall<'sgdStep'> => ({
  kernel: 'sgdStep',
  inputs: { gradient },
  outputs: { parameter },
  attributes: { length: LENGTH, gradientFactor: 1, rate: 1, momentum: 0, weightDecay: 0, nesterov: false },
});

const kernels = (calls: readonly KernelCall[]): KernelName[] => calls.map(({ kernel }) => kernel);
/** They are left alone: the very objects. */
const assertUntouched = (calls: readonly KernelCall[], kept: ReadonlySet<Slot> = new Set()): void => {
  const fused = fuseTraining(calls, kept);
  assert.equal(kernels(fused), kernels(calls));
  for (const [k, call] of fused.entries()) assert.is(call, calls[k]);
};

test('a norm and its activation merge, the derivative is told from what is left', () => {
  const [z, y, other] = [slot(), slot(), sigmoid(slot())];
  const calls = [norm(z), other, activation(z, y), derivative(z, slot())];
  const fused = fuseTraining(calls, new Set());
  assert.equal(fused.map(describe), ['sigmoid', 'batchNormTraining ReLU', 'activationGradient ReLU']);
  assert.is(fused[0], other);
  assert.is(inputSlots(fused[2])[0], y);
  assert.equal(calls.map(describe), ['batchNormTraining', 'sigmoid', 'activation ReLU', 'activationGradient ReLU']);
});

test('what somebody else reads stays', () => {
  const [z, y] = [slot(), slot()];
  assertUntouched([norm(z), activation(z, y), derivative(z, slot())], new Set([z]));
  assertUntouched([norm(z), activation(z, y), derivative(z, slot()), sigmoid(z)]);
});

test('a slope below zero hides the sign', () => {
  const [z, y, f] = [slot(), slot(), { slope: -1, ceiling: Number.POSITIVE_INFINITY }];
  assertUntouched([norm(z), activation(z, y, f), derivative(z, slot(), f)]);
  // Without a derivative nobody asks for the sign.
  assert.is(fuseTraining([norm(z), activation(z, y, f)], new Set()).length, 1);
});

test('a call does not move past a change of what it reads', () => {
  const [z, y] = [slot(), slot()];
  const first = norm(z);
  assertUntouched([first, sgdStep(first.inputs.gamma, slot()), activation(z, y)]);
  assert.is(fuseTraining([first, sgdStep(slot(), slot()), activation(z, y)], new Set()).length, 2);
});

test('an operand is taken in once, and a sum of a slot with itself not at all', () => {
  const [z, shortcut, other] = [slot(), slot(), slot()];
  const add = (left: Slot, right: Slot, output: Slot): KernelCall<'add'> => ({
    kernel: 'add',
    inputs: { left, right },
    outputs: { output },
    attributes: { length: LENGTH, rightLength: LENGTH, activation: LINEAR },
  });
  const [sum, total] = [slot(), slot()];
  const fused = fuseTraining([norm(z), add(shortcut, z, sum), add(sum, other, total)], new Set());
  assert.equal(fused.map(describe), ['batchNormTraining residual', 'add']);
  assertUntouched([norm(z), add(z, z, sum)]);
});

test('of two norms after one activation each would read twice: its gradient is written once', () => {
  const [y, d] = [slot(), slot()];
  const sums = (outputGradient: Slot): KernelCall<'batchNormSums'> => ({
    kernel: 'batchNormSums',
    inputs: { input: slot(), outputGradient, moments: slot() },
    outputs: { betaGradient: slot(), gammaGradient: slot() },
    attributes: { ...CHANNELS, activation: LINEAR },
  });
  assert.equal(fuseTraining([derivative(y, d), sums(d)], new Set()).map(describe), ['batchNormSums activated ReLU']);
  assertUntouched([derivative(y, d), sums(d), sums(d)]);
});

test.run();
