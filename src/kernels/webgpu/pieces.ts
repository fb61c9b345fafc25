import { type KernelCall, LINEAR, type Slot } from '../kernel';
import { mergeMoments } from './batch-norm-training';
import type { Dispatch } from './dispatch';
import { everySlot, type Separation, separationOf } from './separations';
import { ALIGNMENT, View } from './view';

/** What is done for a call that is as it should be: dispatchesOf(), without any cutting. */
type Kernels = (call: KernelCall) => Dispatch[];

/** Whether a call binds something that is too large to be bound at once. */
export const exceeds = (call: KernelCall, limit: number): boolean =>
  everySlot(call).some(({ length }) => length > limit);

/**
 * A call in pieces, each of which binds a range of the large buffers: images, rows or numbers one after the other. What
 * is summed over all of them is summed in each piece, then from piece to piece, in this order.
 *
 * @param limit the most numbers that can be bound at once
 * @throws Error that names the kernel and the sizes when the call cannot be cut, or not finely enough
 */
export function dispatchesInPieces(call: KernelCall, limit: number, kernels: Kernels): Dispatch[] {
  const separation = separationOf(call);
  if (!separation) throw refusal(call, limit, 'it has no axis along which it could be cut');
  const { units, cut, fold, sums } = separation;
  const cutSlots = new Map<Slot, number>();
  for (const [slot, perUnit] of cut) if (slot) cutSlots.set(slot, perUnit);
  for (const slot of everySlot(call))
    if (!cutSlots.has(slot) && slot.length > limit)
      throw refusal(call, limit, `it needs all ${slot.length} numbers of one operand at once`);
  const unitsOfPiece = largestPiece(call, separation, limit);

  const scratch = new Set<Slot>();
  const scratchOf = (length: number): Slot => {
    const slot = { length };
    scratch.add(slot);
    return slot;
  };
  const dispatches: Dispatch[] = [];
  let folded: readonly Slot[] | undefined;
  for (let begin = 0; begin < units; begin += unitsOfPiece) {
    const count = Math.min(unitsOfPiece, units - begin);
    const bound = new Map<Slot, Slot>();
    for (const [slot, perUnit] of cutSlots) bound.set(slot, new View(slot, begin * perUnit, count * perUnit));
    for (const { slot, length } of sums ?? []) {
      const share = scratchOf(length);
      dispatches.push(...kernels(scaled(slot, share, length, count / units)));
      bound.set(slot, share);
    }
    const results = fold?.outputs.map(({ slot, length }) => {
      const result = count === units ? slot : scratchOf(length);
      bound.set(slot, result);
      return result;
    });
    dispatches.push(...kernels(separation.resized(count)).map((dispatch) => withSlots(dispatch, bound)));
    if (!fold || !results) continue;
    folded &&= folded.map((before, k) => {
      const { slot, length } = fold.outputs[k];
      const joined = begin + count === units ? slot : scratchOf(length);
      if (fold.by === 'adding') dispatches.push(...kernels(added(before, results[k], joined, length)));
      else {
        const pair = scratchOf(2 * length);
        dispatches.push(...kernels(joinedEnds(before, results[k], pair, length)));
        dispatches.push(mergeMoments(pair, length / 2, begin, begin + count, joined));
      }
      return joined;
    });
    folded ??= results;
  }
  // Whoever writes a scratch first. A piece writes nothing else besides.
  return dispatches.map((dispatch) => {
    const written = [dispatch.output, ...(dispatch.moreOutputs ?? [])];
    const fresh = written.flatMap((slot) => (slot && scratch.delete(slot) ? [slot] : []));
    return { ...dispatch, scratch: [...(dispatch.scratch ?? []), ...fresh] };
  });
}

/** The most units that can be bound at once, such that the next ones begin where a buffer can be bound from. */
function largestPiece(call: KernelCall, { units, cut, fold }: Separation, limit: number): number {
  const present = cut.filter(([slot]) => slot).map(([, perUnit]) => perUnit);
  const step = Math.max(...present.map((perUnit) => ALIGNMENT / commonFactor(perUnit, ALIGNMENT)));
  const fitting = Math.floor(limit / Math.max(...present));
  if (fitting >= units) return units;
  const largest = Math.floor(fitting / step) * step;
  if (largest === 0) {
    const least = Math.min(step, units);
    throw refusal(call, limit, `the least that it can be cut into is ${least * Math.max(...present)} numbers`);
  }
  // To the kernel of moments a set of one is a number and not the moments of one.
  if (fold?.by === 'merging moments' && largest === 1) throw refusal(call, limit, 'it needs two rows at once');
  return largest;
}

const commonFactor = (a: number, b: number): number => (b === 0 ? a : commonFactor(b, a % b));

function withSlots(dispatch: Dispatch, bound: ReadonlyMap<Slot, Slot>): Dispatch {
  const { inputs, output, moreOutputs = [] } = dispatch;
  const instead = (slot: Slot | undefined) => slot && (bound.get(slot) ?? slot);
  return {
    ...dispatch,
    inputs: inputs.map(instead),
    output: bound.get(output) ?? output,
    moreOutputs: moreOutputs.map(instead),
  };
}

/** The error for a call that this device cannot carry out. */
export function refusal(call: KernelCall, limit: number, why: string): Error {
  const sizes = everySlot(call)
    .map(({ length }) => length)
    .join(', ');
  return new Error(
    `webgpu: ${call.kernel} of operands of ${sizes} numbers: ${why}, and this device binds ${limit} numbers ` +
      'at once; use a smaller batch, or smaller layers',
  );
}

const scaled = (input: Slot, output: Slot, length: number, factor: number): KernelCall => ({
  kernel: 'scale',
  inputs: { input },
  outputs: { output },
  attributes: { length, factor, offset: 0 },
});

const added = (left: Slot, right: Slot, output: Slot, length: number): KernelCall => ({
  kernel: 'add',
  inputs: { left, right },
  outputs: { output },
  attributes: { length, rightLength: length, activation: LINEAR },
});

const joinedEnds = (first: Slot, second: Slot, output: Slot, length: number): KernelCall => ({
  kernel: 'concat',
  inputs: { parts: [first, second] },
  outputs: { output },
  attributes: { outer: 1, inners: [length, length] },
});
