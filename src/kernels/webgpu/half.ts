import type { PrepareProgress, Program } from '../backend';
import type { KernelCall, Slot } from '../kernel';
import { type Dispatch, workgroupsFor } from './dispatch';
import { lanesOf, withLanes } from './lanes';
import type { Profiler } from './profile';
import { type Backstage, prepareProgram } from './program';
import type { ShaderName, Storage } from './shaders';
import { View } from './view';

/**
 * The shaders whose tensors are `real`, and which of their inputs are f32 all the same: vectors, a number for each
 * channel, which are few and are read often.
 */
const FULL_INPUTS: { readonly [S in ShaderName]?: readonly number[] } = {
  activation: [],
  activationVectors: [],
  add: [],
  addVectors: [],
  averagePool2d: [],
  batchNorm: [1, 2, 3, 4],
  binary: [],
  concat: [],
  conv2d: [2, 5], // 5 the moments, which training alone wants
  conv2dVectors: [2, 5],
  conv2dInputGradient: [], // also the product with a transposed right operand
  conv2dInputGradientVectors: [],
  depthwiseConv2d: [2],
  globalAveragePool: [],
  l2Normalize: [],
  maxPool2d: [],
  multiply: [],
  pad: [],
  prelu: [1],
  reduce: [],
  resample: [1, 2],
  resizeBilinear: [],
  scale: [],
  scaleShift: [1, 2],
  sigmoid: [],
  slice: [],
  softmax: [],
  unary: [],
  view: [],
};

/** The places of the inputs that stay f32 in a shader that can hold its tensors in halves; undefined for one that cannot. */
export const fullInputsOf = (shader: ShaderName): readonly number[] | undefined => FULL_INPUTS[shader];

/** A program's dispatches in half precision, and what they need besides. */
interface HalfDispatches {
  /** Slots of no backend for what is kept in full as well: halves of constants, of inputs, of results. */
  halves: Slot[];
  /** Makes the halves of constants, once. */
  once: Dispatch[];
  /** Makes the halves of what else no call writes, in each run. */
  before: Dispatch[];
  ofCalls: Dispatch[][];
  /** Makes results of their halves. */
  after: Dispatch[];
  /** Constants that only `once` reads. */
  packed: Slot[];
}

interface SlotsOfProgram {
  constants: ReadonlySet<Slot>;
  /** What is read after a run. */
  results: ReadonlySet<Slot>;
}

/**
 * The same dispatches on halves. What a call writes for another one lies as halves in the very slot, half of which is
 * then empty; what the caller writes or reads keeps its slot of f32 and gets one of halves.
 *
 * @throws Error that names the kernel of a call that cannot be carried out so
 */
export function onHalves(
  calls: readonly { call: KernelCall; dispatches: readonly Dispatch[] }[],
  { constants, results }: SlotsOfProgram,
  storage: Storage,
): HalfDispatches {
  const written = new Set<Slot>();
  for (const { dispatches } of calls)
    for (const { output, moreOutputs = [] } of dispatches)
      for (const slot of [output, ...moreOutputs]) if (slot) written.add(slot);

  const halves = new Map<Slot, Slot>();
  const halfOf = (slot: Slot): Slot => {
    if (written.has(slot) && !results.has(slot)) return slot;
    const half = halves.get(slot) ?? { length: storage === 'f16' ? Math.ceil(slot.length / 2) : slot.length };
    halves.set(slot, half);
    return half;
  };
  const inFull = new Set<Slot>();
  const ofCalls = calls.map(({ call, dispatches }) =>
    dispatches.map((dispatch): Dispatch => {
      const { shader, inputs, output, moreOutputs = [] } = dispatch;
      const refuse = (why: string) => new Error(`webgpu: ${call.kernel} cannot be done in half precision: ${why}`);
      const fullInputs = FULL_INPUTS[shader];
      if (!fullInputs) throw refuse(`its shader ${shader} has no form for it`);
      if ([...inputs, output, ...moreOutputs].some((slot) => slot instanceof View))
        throw refuse('an operand is too large to be bound at once; use a smaller batch');
      const fullOf = (slot: Slot): Slot => {
        if (written.has(slot)) throw refuse('a vector of channels is computed, and must be constant');
        inFull.add(slot);
        return slot;
      };
      return {
        ...dispatch,
        storage,
        inputs: inputs.map((slot, k) => slot && (fullInputs.includes(k) ? fullOf(slot) : halfOf(slot))),
        output: halfOf(output),
        moreOutputs: moreOutputs.map((slot) => slot && halfOf(slot)),
      };
    }),
  );

  const convert = (shader: 'narrow' | 'widen', length: number, input: Slot, output: Slot): Dispatch => {
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
  const narrow = (isWanted: (slot: Slot) => boolean): Dispatch[] =>
    [...halves].flatMap(([slot, half]) => (isWanted(slot) ? [convert('narrow', slot.length, slot, half)] : []));
  return {
    halves: [...halves.values()],
    once: narrow((slot) => constants.has(slot)),
    before: narrow((slot) => !constants.has(slot) && !written.has(slot)),
    ofCalls,
    after: [...halves].flatMap(([slot, half]) =>
      results.has(slot) ? [convert('widen', slot.length, half, slot)] : [],
    ),
    packed: [...constants].filter((slot) => halves.has(slot) && !inFull.has(slot)),
  };
}

/**
 * As prepareProgram(), in half precision. The program has halves of the constants of its own, and cannot be changed.
 * @param storage f16; with f32 it computes the same without the rounding
 */
export async function prepareHalfProgram(
  calls: readonly KernelCall[],
  slots: SlotsOfProgram,
  storage: Storage,
  backstage: Backstage & Pick<Profiler, 'note'>,
  onProgress?: PrepareProgress,
): Promise<Program> {
  const { buffers, note, dispatchesFor } = backstage;
  const wanted = calls.map((call) => ({ call, dispatches: dispatchesFor(call) }));
  const { halves, once, before, ofCalls, after, packed } = onHalves(wanted, slots, storage);
  for (const [k, dispatches] of ofCalls.entries()) note(calls[k], dispatches);

  const lent: Slot[] = [];
  const release = () => {
    for (const slot of lent.splice(0)) buffers.free(slot);
  };
  try {
    for (const slot of halves) {
      buffers.lend(slot);
      lent.push(slot);
    }
    const packing = await prepareProgram([once], backstage);
    packing.run();
    packing.free();
    const program = await prepareProgram([before, ...ofCalls, after], backstage, onProgress);
    return {
      packed,
      change() {
        throw new Error('webgpu: a program in half precision cannot be changed');
      },
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
