import type { Slot } from '../kernel';
import type { Dispatch } from './dispatch';

/** Workgroups that keep a card busy while it reads. */
const ENOUGH_WORKGROUPS = 512;
/** Rows that a thread adds up at least, before another part is worth its second sum. */
const ROWS_PER_THREAD = 16;
const THREADS = 256; // WORKGROUP in prelude.wgsl
const MOST_ACROSS = 32;

/** How a matrix [rows, columns] is shared out among workgroups; see reduction.wgsl. */
export interface Reduction {
  rows: number;
  columns: number;
  /** Columns of a workgroup, a power of two. */
  across: number;
  /** Rows of a part. */
  share: number;
  parts: number;
}

export function shareRows(rows: number, columns: number, mostParts = Number.POSITIVE_INFINITY): Reduction {
  let across = 1;
  while (across < MOST_ACROSS && across < columns) across *= 2;
  const wanted = Math.ceil(ENOUGH_WORKGROUPS / Math.ceil(columns / across));
  const worthwhile = Math.ceil(rows / ((THREADS / across) * ROWS_PER_THREAD));
  const share = Math.max(1, Math.ceil(rows / Math.min(mostParts, wanted, worthwhile)));
  return { rows, columns, across, share, parts: Math.max(1, Math.ceil(rows / share)) };
}

export const reductionIntegers = ({ rows, columns, share, across }: Reduction): number[] => [
  rows,
  columns,
  share,
  across,
];

export const reductionWorkgroups = ({ columns, across, parts }: Reduction): number =>
  parts * Math.ceil(columns / across);

/** What a shader under reduction.wgsl is told besides the reduction, and how many sums it makes of a column. */
type Term = Pick<Dispatch, 'shader' | 'inputs' | 'reals'> & { integers?: readonly number[]; sums?: number };

/** One dispatch where one part is enough, else a second one that adds up the parts, in their order. */
export function reduce(term: Term, reduction: Reduction, output: Slot): Dispatch[] {
  const { shader, inputs, integers = [], reals = [], sums = 1 } = term;
  const { columns, parts } = reduction;
  const first = (to: Slot) => ({
    shader,
    inputs,
    output: to,
    integers: [...reductionIntegers(reduction), ...integers],
    reals,
    workgroups: reductionWorkgroups(reduction),
  });
  if (parts === 1) return [first(output)];
  const partial = { length: parts * columns * sums };
  return [{ ...first(partial), isScratch: true }, sumParts(partial, parts, columns * sums, output)];
}

/** Adds up the rows of [parts, columns] in one go. */
export function sumParts(input: Slot, parts: number, columns: number, output: Slot): Dispatch {
  const whole = shareRows(parts, columns, 1);
  return {
    shader: 'sumRows',
    inputs: [input],
    output,
    integers: reductionIntegers(whole),
    workgroups: reductionWorkgroups(whole),
  };
}
