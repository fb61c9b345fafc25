import { type KernelCall, SCALARS, type Slot } from '../kernels/kernel';
import { type HostWrite, RecordedSlot } from '../tensor/recorder';
import type { Shape } from '../tensor/shape';
import { isMany, slotsOf } from './placement';

/** What a step asked for. */
export interface StepRecord {
  calls: readonly KernelCall[];
  writes: readonly HostWrite[];
  results: readonly { slot: Slot; shape: Shape }[];
}

/** @throws Error unless all numbers from the host may be written before the first call */
export function expectWritesFirst({ calls, writes }: StepRecord): void {
  for (const { slot, after } of writes)
    if (calls.slice(0, after).some((call) => slotsOf(call).includes(slot)))
      throw new Error('recorded step: it writes numbers into a tensor that it has computed with');
}

/**
 * Whether two records ask for the same, but for the numbers that come from the host.
 * @param mayVary says of each call whether it may have other SCALARS
 */
export const sameRecord = (one: StepRecord, other: StepRecord, mayVary: (index: number) => boolean): boolean =>
  one.calls.length === other.calls.length &&
  one.writes.length === other.writes.length &&
  one.results.length === other.results.length &&
  one.writes.every((write, k) => sameWrite(write, other.writes[k])) &&
  one.results.every(({ slot, shape }, k) => {
    const result = other.results[k];
    return sameSlot(slot, result.slot) && sameValue(shape, result.shape);
  }) &&
  one.calls.every((call, k) => sameCall(call, other.calls[k], mayVary(k)));

/** Slots that the steps made by their number, all others by what they are. */
const sameSlot = (one: Slot, other: Slot): boolean =>
  one === other ||
  (one instanceof RecordedSlot &&
    other instanceof RecordedSlot &&
    one.index === other.index &&
    one.length === other.length);

const sameWrite = (one: HostWrite, other: HostWrite): boolean =>
  sameSlot(one.slot, other.slot) &&
  one.offset === other.offset &&
  one.after === other.after &&
  one.values.length === other.values.length;

function sameCall(one: KernelCall, other: KernelCall, mayVary: boolean): boolean {
  const scalars: readonly string[] = (mayVary ? SCALARS[one.kernel] : undefined) ?? [];
  return (
    one.kernel === other.kernel &&
    sameOperands(one.inputs, other.inputs) &&
    sameOperands(one.outputs, other.outputs) &&
    sameEntries(one.attributes, other.attributes, (a, b, name) => scalars.includes(name) || sameValue(a, b))
  );
}

type Operand = Slot | readonly Slot[] | undefined;

const sameOperands = (one: object, other: object): boolean =>
  sameEntries<Operand>(one, other, (a, b) => {
    if (isMany(a) || isMany(b))
      return isMany(a) && isMany(b) && a.length === b.length && a.every((slot, k) => sameSlot(slot, b[k]));
    return a === b || (a !== undefined && b !== undefined && sameSlot(a, b));
  });

/** Numbers, words, and lists and records of them. */
export const sameValue = (one: unknown, other: unknown): boolean =>
  Object.is(one, other) ||
  (typeof one === 'object' &&
    typeof other === 'object' &&
    one !== null &&
    other !== null &&
    sameEntries(one, other, sameValue));

/** Records with the same names, in the same order, and values that are alike. */
function sameEntries<V = unknown>(one: object, other: object, alike: (a: V, b: V, name: string) => boolean): boolean {
  const entries: [string, V][] = Object.entries(one);
  const others: [string, V][] = Object.entries(other);
  return (
    entries.length === others.length &&
    entries.every(([name, value], k) => name === others[k][0] && alike(value, others[k][1], name))
  );
}
