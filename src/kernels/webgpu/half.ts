import type { PrepareOptions, Program } from '../backend';
import type { KernelCall, KernelName, Slot } from '../kernel';
import { type Dispatch, isBindable, scratchOf, workgroupsFor } from './dispatch';
import { dispatchesOf } from './kernels';
import { lanesOf, withLanes } from './lanes';
import { matrixDispatches } from './matrices';
import { exceeds } from './pieces';
import { remembered } from './pipelines';
import type { Profiler } from './profile';
import { type Backstage, prepareProgram } from './program';
import type { ShaderName, Storage } from './shaders';
import { View, wholeOf } from './view';

/**
 * What stays f32 in a shader whose tensors are `real`: vectors, a number for each channel, which are few and are read
 * often, and sums that are not finished. Places count from 0.
 */
interface HalfForm {
  fullInputs: readonly number[];
  fullOutputs?: readonly number[];
}

const ALL_HALF: HalfForm = { fullInputs: [] };
const CONV2D: HalfForm = { fullInputs: [2], fullOutputs: [1] };
const FILTER_GRADIENT: HalfForm = { fullInputs: [], fullOutputs: [0] };
const BATCH_NORM_TRAINING: HalfForm = { fullInputs: [1, 2, 3] };
const BATCH_NORM_SUMS: HalfForm = { fullInputs: [2], fullOutputs: [0, 1] };
const BATCH_NORM_INPUT_GRADIENT: HalfForm = { fullInputs: [2, 3, 4, 5] };
const CHANNEL_MOMENTS: HalfForm = { fullInputs: [], fullOutputs: [0] };

const HALF_FORMS: { readonly [S in ShaderName]?: HalfForm } = {
  activation: ALL_HALF,
  activationVectors: ALL_HALF,
  activationGradient: ALL_HALF,
  activationGradientVectors: ALL_HALF,
  add: ALL_HALF,
  addVectors: ALL_HALF,
  averagePool2d: ALL_HALF,
  averagePool2dGradient: ALL_HALF,
  batchNorm: { fullInputs: [1, 2, 3, 4] },
  batchNormInputGradient: BATCH_NORM_INPUT_GRADIENT,
  batchNormInputGradientVectors: BATCH_NORM_INPUT_GRADIENT,
  batchNormSums: BATCH_NORM_SUMS,
  batchNormSumsVectors: BATCH_NORM_SUMS,
  batchNormTraining: BATCH_NORM_TRAINING,
  batchNormTrainingVectors: BATCH_NORM_TRAINING,
  binary: ALL_HALF,
  channelMoments: CHANNEL_MOMENTS,
  channelMomentsVectors: CHANNEL_MOMENTS,
  concat: ALL_HALF,
  conv2d: CONV2D,
  conv2dVectors: CONV2D,
  conv2dMatrices: CONV2D,
  conv2dFilterGradient: FILTER_GRADIENT,
  conv2dFilterGradientVectors: FILTER_GRADIENT,
  conv2dFilterGradientMatrices: FILTER_GRADIENT,
  conv2dInputGradient: ALL_HALF, // also the product with a transposed right operand
  conv2dInputGradientVectors: ALL_HALF,
  conv2dInputGradientMatrices: ALL_HALF,
  crop: ALL_HALF,
  depthwiseConv2d: { fullInputs: [2] },
  depthwiseConv2dVectors: { fullInputs: [2] },
  depthwiseConv2dFilterGradient: FILTER_GRADIENT,
  depthwiseConv2dInputGradient: ALL_HALF,
  depthwiseConv2dInputGradientVectors: ALL_HALF,
  globalAveragePool: ALL_HALF,
  globalAveragePoolGradient: ALL_HALF,
  l2Normalize: ALL_HALF,
  maxPool2d: ALL_HALF,
  maxPool2dGradient: ALL_HALF,
  multiply: ALL_HALF,
  pad: ALL_HALF,
  prelu: { fullInputs: [1] },
  preluInputGradient: { fullInputs: [1] },
  preluSlopesGradient: FILTER_GRADIENT,
  reduce: ALL_HALF,
  resample: { fullInputs: [1, 2] },
  resizeBilinear: ALL_HALF,
  scale: ALL_HALF,
  scaleShift: { fullInputs: [1, 2] },
  sigmoid: ALL_HALF,
  slice: ALL_HALF,
  softmax: ALL_HALF,
  unary: ALL_HALF,
  view: ALL_HALF,
};

/** Undefined for a shader that cannot hold its tensors in halves. */
export const halfFormOf = (shader: ShaderName): HalfForm | undefined => HALF_FORMS[shader];

/**
 * Which calls of a program are done in halves, as far as their shaders can. 'following' stands for those that are where
 * something that they read lies in halves already.
 */
export type Halving = 'always' | 'following' | 'never';

/**
 * What a step of training computes in halves: what is as large as a batch of images. Convolutions begin with it, forward,
 * and the gradient of the pooling after the last of them on the way back. All else is small, and is done in full: the
 * embedding, what is made of it, the loss, and the optimiser.
 */
const TRAINED: { readonly [K in KernelName]?: Halving } = {
  activation: 'following',
  activationGradient: 'following',
  add: 'following',
  averagePool2d: 'following',
  averagePool2dGradient: 'following',
  batchNorm: 'following',
  batchNormInputGradient: 'following',
  batchNormSums: 'following',
  batchNormTraining: 'following',
  channelMoments: 'following',
  conv2d: 'always',
  conv2dFilterGradient: 'always',
  conv2dInputGradient: 'always',
  crop: 'following',
  depthwiseConv2d: 'always',
  depthwiseConv2dFilterGradient: 'always',
  depthwiseConv2dInputGradient: 'always',
  globalAveragePool: 'following',
  globalAveragePoolGradient: 'always',
  maxPool2d: 'following',
  maxPool2dGradient: 'following',
  pad: 'following',
  prelu: 'following',
  preluInputGradient: 'following',
  preluSlopesGradient: 'following',
  scaleShift: 'following',
};

/** How a call of a plan, or of a step of training, is done in half precision. */
export const halvingOf = ({ kernel }: KernelCall, isTraining: boolean): Halving =>
  isTraining ? (TRAINED[kernel] ?? 'never') : 'always';

/** A program's dispatches in half precision, and what they need besides. */
interface HalfDispatches {
  /** Slots of no backend: for numbers that are needed both ways, and of half the size in place of the caller's. */
  lent: Slot[];
  /** Makes the halves of constants, once. */
  once: Dispatch[];
  /** For each call, what it reads made as it wants it, what it does, and what is read outside made of its halves. */
  ofCalls: { before: Dispatch[]; dispatches: Dispatch[]; after: Dispatch[] }[];
  /** Slots that the program does without: constants that only `once` reads, and what has another slot in its place. */
  packed: Slot[];
}

interface SlotsOfProgram {
  constants: ReadonlySet<Slot>;
  /** What is read after a run. */
  results: ReadonlySet<Slot>;
  halvingOf(call: KernelCall): Halving;
}

/**
 * The same dispatches on halves, as far as they can. What one of those writes lies as halves in the very slot; who reads it
 * in full reads a copy, and who reads halves of what lies in full does so, too. What the caller writes or reads lies in
 * full. A slot that never does is replaced by one of half the size.
 *
 * @throws Error that names the kernel of a call that must be cut in pieces
 */
export function onHalves(
  calls: readonly { call: KernelCall; dispatches: readonly Dispatch[] }[],
  { constants, results, halvingOf: manner }: SlotsOfProgram,
  storage: Storage,
): HalfDispatches {
  const scratch = new Set(calls.flatMap(({ dispatches }) => dispatches.flatMap(scratchOf)));
  /** Those whose own memory holds halves, as of the dispatch that is looked at. */
  const inHalves = new Set<Slot>();
  const everInHalves = new Set<Slot>();
  const everInFull = new Set<Slot>();
  const halfCopies = new Map<Slot, Slot>();
  const fullCopies = new Map<Slot, Slot>();
  /** The copies that hold what their slots do. */
  const upToDate = new Set<Slot>();
  const readInFull = new Set<Slot>();

  const convert = (shader: 'narrow' | 'widen', { length }: Slot, input: Slot, output: Slot): Dispatch => {
    const lanes = lanesOf(length);
    return {
      shader: withLanes(shader, lanes),
      storage,
      inputs: [input],
      output,
      integers: [length / lanes],
      workgroups: workgroupsFor(length / lanes),
    };
  };
  const halfOf = ({ length }: Slot): Slot => ({ length: storage === 'f16' ? Math.ceil(length / 2) : length });
  const halfCopyOf = (slot: Slot): Slot => remembered(halfCopies, slot, () => halfOf(slot));
  const fullCopyOf = (slot: Slot): Slot => remembered(fullCopies, slot, () => ({ length: slot.length }));

  const once: Dispatch[] = [];
  const ofCalls = calls.map(({ call, dispatches }) => {
    const before: Dispatch[] = [];
    const after: Dispatch[] = [];
    const halving = manner(call);
    const written = new Set<Slot>();
    const refusal = (why: string) => new Error(`webgpu: ${call.kernel} cannot be done in half precision: ${why}`);
    const read = (slot: Slot, asHalves: boolean): Slot => {
      const whole = wholeOf(slot);
      if (!asHalves) readInFull.add(whole);
      if (!inHalves.has(whole)) everInFull.add(whole);
      if (inHalves.has(whole) === asHalves) return slot;
      const copy = asHalves ? halfCopyOf(slot) : fullCopyOf(slot);
      if (upToDate.has(copy)) return copy;
      if (written.has(slot)) throw refusal('it reads in one form what it has written in the other');
      (constants.has(slot) ? once : before).push(convert(asHalves ? 'narrow' : 'widen', slot, slot, copy));
      upToDate.add(copy);
      return copy;
    };
    const write = (slot: Slot, asHalves: boolean): Slot => {
      const whole = wholeOf(slot);
      written.add(whole);
      for (const copies of [halfCopies, fullCopies]) {
        const copy = copies.get(whole);
        if (copy) upToDate.delete(copy);
      }
      inHalves.delete(whole);
      const isOwn = asHalves && !results.has(slot);
      (isOwn ? everInHalves : everInFull).add(whole);
      if (!asHalves) return slot;
      if (isOwn) {
        inHalves.add(slot);
        return slot;
      }
      const copy = halfCopyOf(slot);
      upToDate.add(copy);
      after.push(convert('widen', slot, copy, slot));
      return copy;
    };
    const made = dispatches.map((dispatch): Dispatch => {
      const { shader, inputs, output, moreOutputs = [] } = dispatch;
      const form = halving === 'never' ? undefined : HALF_FORMS[shader];
      const reals = inputs.flatMap((slot, place) => (slot && form && !form.fullInputs.includes(place) ? [slot] : []));
      // Sums that a dispatch before it has left in full are added up in full.
      const isHalf =
        form &&
        !reals.some((slot) => scratch.has(slot) && !inHalves.has(slot)) &&
        (halving === 'always' || reals.some((slot) => inHalves.has(slot)));
      if ([...inputs, output, ...moreOutputs].some((slot) => slot instanceof View && (isHalf || inHalves.has(slot.of))))
        throw refusal('an operand is too large to be bound at once; use a smaller batch');
      const halfOutput = (place: number) => isHalf === true && !form.fullOutputs?.includes(place);
      const changed = {
        inputs: inputs.map((slot, place) => slot && read(slot, isHalf === true && !form.fullInputs.includes(place))),
        output: write(output, halfOutput(0)),
        moreOutputs: moreOutputs.map((slot, k) => slot && write(slot, halfOutput(1 + k))),
      };
      return { ...dispatch, ...changed, ...(isHalf && { storage }) };
    });
    return { before, dispatches: made, after };
  });
  const smaller = new Map<Slot, Slot>();
  for (const slot of everInHalves) if (!everInFull.has(slot) && !scratch.has(slot)) smaller.set(slot, halfOf(slot));
  const replaced = (slot: Slot): Slot => smaller.get(slot) ?? slot;
  const inPlace = (dispatches: readonly Dispatch[]): Dispatch[] =>
    dispatches.map((one) => ({
      ...one,
      inputs: one.inputs.map((slot) => slot && replaced(slot)),
      output: replaced(one.output),
      moreOutputs: one.moreOutputs?.map((slot) => slot && replaced(slot)) ?? [],
    }));
  return {
    lent: [...halfCopies.values(), ...fullCopies.values(), ...smaller.values()],
    once,
    ofCalls: ofCalls.map(({ before, dispatches, after }) => ({
      before: inPlace(before),
      dispatches: inPlace(dispatches),
      after: inPlace(after),
    })),
    packed: [...[...constants].filter((slot) => halfCopies.has(slot) && !readInFull.has(slot)), ...smaller.keys()],
  };
}

/** What prepareHalfProgram() needs of a backend. */
interface HalfBackstage extends Backstage {
  /** Whether small matrices are multiplied by the device, or by hand. */
  hasMatrices: boolean;
  storage: Storage;
  note: Profiler['note'];
}

/**
 * As prepareProgram(), in half precision. The program has halves of the constants of its own.
 * @param storage f16; with f32 it computes the same without the rounding
 */
export async function prepareHalfProgram(
  calls: readonly KernelCall[],
  constants: ReadonlySet<Slot>,
  { onProgress, half }: PrepareOptions & { half: NonNullable<PrepareOptions['half']> },
  { hasMatrices, storage, note, ...backstage }: HalfBackstage,
): Promise<Program> {
  const { buffers, dispatchesFor } = backstage;
  const manner = (call: KernelCall) => halvingOf(call, half.isTraining === true);
  const limit = buffers.bindingLimit;
  const wanted = calls.map((call) => {
    if (manner(call) === 'never') return { call, dispatches: dispatchesFor(call) };
    const products = hasMatrices && !exceeds(call, limit) ? matrixDispatches(call) : undefined;
    // Tiles that were measured are those of float32, and may be Winograd's, which have no form for halves.
    return { call, dispatches: products && isBindable(products, limit) ? products : dispatchesOf(call, limit) };
  });
  const slots = { constants, results: half.results, halvingOf: manner };
  const { lent, once, ofCalls, packed } = onHalves(wanted, slots, storage);
  for (const [k, { before, dispatches, after }] of ofCalls.entries())
    note(calls[k], [...before, ...dispatches, ...after]);

  const borrowed: Slot[] = [];
  const release = () => {
    for (const slot of borrowed.splice(0)) buffers.free(slot);
  };
  try {
    for (const slot of lent) {
      buffers.lend(slot);
      borrowed.push(slot);
    }
    const packing = await prepareProgram([once], backstage);
    packing.run();
    packing.free();
    const parts = ofCalls.flatMap(({ before, dispatches, after }) => [before, dispatches, after]);
    const program = await prepareProgram(parts, backstage, onProgress);
    return {
      packed,
      change: (changed) => program.change(new Map(Array.from(changed, ([index, call]) => [3 * index + 1, call]))),
      run: program.run,
      free() {
        program.free();
        release();
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}
