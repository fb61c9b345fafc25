import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../../src/kernels/backend';
import { inputSlots, type KernelCall, outputSlots, type Slot } from '../../../src/kernels/kernel';
import { MeteredBackend } from '../../../src/kernels/metered';
import { openReference } from '../../../src/kernels/reference/backend';
import { type Dispatch, scratchOf } from '../../../src/kernels/webgpu/dispatch';
import { halfFormOf, halvingOf, onHalves } from '../../../src/kernels/webgpu/half';
import { dispatchesOf } from '../../../src/kernels/webgpu/kernels';
import { matrixDispatches } from '../../../src/kernels/webgpu/matrices';
import { compile } from '../../../src/nn/compile';
import { MINI_RESNET_PRESETS, MiniResNet, type MiniResNetOptions } from '../../../src/nn/mini-resnet';
import { plainData, Trainer } from '../../../src/nn/trainer';
import type { TrainingSettings } from '../../../src/nn/training-settings';
import { random } from '../../../src/tensor/random';
import { rejection } from '../../helpers/numbers';

/* What lies where, and in which form, while a program in half precision runs: told without a device. */

const test = suite('slots of programs in half precision');

interface Prepared {
  calls: readonly KernelCall[];
  constants: ReadonlySet<Slot>;
  results: ReadonlySet<Slot>;
  isTraining: boolean;
}

/** Takes what would be prepared in half precision, and computes nothing. */
class Capturing extends MeteredBackend {
  prepared: Prepared | undefined;
  override get halfRefusal() {
    return undefined;
  }
  override get isAsynchronous() {
    return true;
  }
  override allocate = (length: number): Slot => ({ length });
  override free = (): void => {};
  override write = (): void => {};
  override copy = (): void => {};
  override run = (): void => {};
  override read = async ({ length }: Slot) => new Float32Array(length);
  override prepare: Backend['prepare'] = async (calls, constants, { half } = {}) => {
    this.prepared = { calls, constants, results: half?.results ?? new Set(), isTraining: half?.isTraining === true };
    throw new Error('captured');
  };
}

async function captured(act: (backend: Backend) => Promise<unknown>): Promise<Prepared> {
  const backend = new Capturing(openReference());
  const { message } = await rejection(act(backend));
  assert.is(message, 'captured');
  assert.ok(backend.prepared);
  return backend.prepared;
}

const newNetwork = (backend: Backend, options: Partial<MiniResNetOptions> = {}) =>
  new MiniResNet({ backend, random: random(1) }, { ...MINI_RESNET_PRESETS.default, classes: 20, ...options });

const BATCH = 32;

function trainingStep(options: Partial<MiniResNetOptions>, settings: Partial<TrainingSettings>): Promise<Prepared> {
  return captured(async (backend) => {
    const network = newNetwork(backend, options);
    const { height, width, channels } = network.options.input;
    const pixels = new Float32Array(height * width * channels);
    const data = plainData(
      Array.from({ length: 2 * BATCH }, (_, k) => ({ label: k % 20, pixels })),
      [],
    );
    const trainer = new Trainer(network, data, { batchSize: BATCH, precision: 'half', ...settings });
    for await (const _ of trainer.run(undefined, 1));
  });
}

const plan = (): Promise<Prepared> =>
  captured((backend) => {
    const network = newNetwork(backend);
    const { height, width, channels } = network.options.input;
    return compile(backend, (images) => [network.embed(images)], [BATCH, height, width, channels], {
      precision: 'half',
    });
  });

const PROGRAMS: Record<string, () => Promise<Prepared>> = {
  'a plan': plan,
  'a step of training': () => trainingStep({}, {}),
  'before activation, AdamW, an average of the weights': () =>
    trainingStep({ form: 'pre-activation' }, { optimizer: 'adamw', averageDecay: 0.9 }),
  'ArcFace, dropout, clipped': () => trainingStep({ classifier: 'cosine', dropout: 0.3 }, { loss: 'arcface', clip: 1 }),
};

type Form = 'half' | 'full';

/** The same program in full and in halves. */
function inHalves({ calls, constants, results, isTraining }: Prepared, hasMatrices: boolean) {
  const manner = (call: KernelCall) => halvingOf(call, isTraining);
  const wanted = calls.map((call) => ({
    call,
    dispatches:
      (hasMatrices && manner(call) !== 'never' ? matrixDispatches(call) : undefined) ??
      dispatchesOf(call, Number.POSITIVE_INFINITY),
  }));
  return { wanted, ...onHalves(wanted, { constants, results, halvingOf: manner }, 'f16') };
}

const outputsOf = ({ output, moreOutputs = [] }: Dispatch) => [output, ...moreOutputs];

for (const [name, prepare] of Object.entries(PROGRAMS))
  for (const hasMatrices of [false, true])
    test(`${name}${hasMatrices ? ', on tensor cores' : ''}: everybody reads what was written last, in the form they want`, async () => {
      const prepared = await prepare();
      const { wanted, once, ofCalls, packed } = inHalves(prepared, hasMatrices);
      const needless = new Set(packed);
      /** Which numbers a slot of the caller's holds, and what really lies in a slot of the program in halves. */
      const truth = new Map<Slot, number>();
      const memory = new Map<Slot, { numbers: number; form: Form }>();
      let count = 0;
      const numbersIn = (slot: Slot): number => {
        const known = truth.get(slot) ?? ++count;
        truth.set(slot, known);
        return known;
      };
      const lying = (slot: Slot) => memory.get(slot) ?? { numbers: numbersIn(slot), form: 'full' as const };
      const convert = ({ shader, inputs: [from], output }: Dispatch) => {
        assert.ok(from);
        const { numbers, form } = lying(from);
        assert.is(form, shader.startsWith('narrow') ? 'full' : 'half', shader);
        memory.set(output, { numbers, form: form === 'full' ? 'half' : 'full' });
      };
      for (const dispatch of once) convert(dispatch);
      for (let run = 0; run < 2; run++)
        for (const [k, { before, dispatches, after }] of ofCalls.entries()) {
          for (const dispatch of before) convert(dispatch);
          for (const [place, dispatch] of dispatches.entries()) {
            const original = wanted[k].dispatches[place];
            const form = dispatch.storage === 'f16' ? halfFormOf(dispatch.shader) : undefined;
            for (const [operand, slot] of original.inputs.entries()) {
              const read = dispatch.inputs[operand];
              if (!slot || !read) continue;
              const what = `${prepared.calls[k].kernel}, operand ${operand}`;
              assert.not(run > 0 && needless.has(read), `${what}: a slot that the program does without`);
              const expected: Form = form && !form.fullInputs.includes(operand) ? 'half' : 'full';
              assert.equal(lying(read), { numbers: numbersIn(slot), form: expected }, what);
            }
            for (const [operand, slot] of outputsOf(original).entries()) {
              const written = outputsOf(dispatch)[operand];
              if (!slot || !written) continue;
              assert.not(needless.has(written), 'a slot that the program does without is written');
              truth.set(slot, ++count);
              const isHalf = form && !form.fullOutputs?.includes(operand);
              memory.set(written, { numbers: count, form: isHalf ? 'half' : 'full' });
            }
          }
          for (const dispatch of after) convert(dispatch);
        }
      for (const slot of prepared.results)
        assert.equal(lying(slot), { numbers: numbersIn(slot), form: 'full' }, 'a result');
    });

test('in training what is small is done in full, whatever its kernel', async () => {
  for (const prepare of Object.values(PROGRAMS).slice(1)) {
    const { wanted, ofCalls } = inHalves(await prepare(), true);
    for (const [k, { dispatches }] of ofCalls.entries())
      for (const { storage, shader } of dispatches) {
        const slots = [...inputSlots(wanted[k].call), ...outputSlots(wanted[k].call)];
        // The largest tensor of the head: embeddings of a batch, or a centre for each person.
        const isSmall = slots.every(({ length }) => length <= 128 * BATCH);
        assert.not(isSmall && storage === 'f16', `${wanted[k].call.kernel}, ${shader}`);
      }
  }
});

test('what calls hand to one another takes less than two thirds of the memory: images, and gradients of filters, lie in full', async () => {
  const bytes = (slots: Iterable<Slot>) => [...slots].reduce((sum, { length }) => sum + 4 * length, 0);
  for (const [name, prepare] of Object.entries(PROGRAMS)) {
    const prepared = await prepare();
    const { wanted, lent, packed } = inHalves(prepared, true);
    const needless = new Set(packed);
    const scratch = new Set(wanted.flatMap(({ dispatches }) => dispatches.flatMap(scratchOf)));
    const own = new Set(prepared.calls.flatMap((call) => [...inputSlots(call), ...outputSlots(call)]));
    for (const slot of [...prepared.results, ...scratch]) own.delete(slot);
    const share = bytes([...[...own].filter((slot) => !needless.has(slot)), ...lent]) / bytes(own);
    assert.ok(share < 2 / 3, `${name}: ${share.toFixed(2)} of the memory in full`);
  }
});

test.run();
