import type { Slot } from '../kernel';
import type { Dispatch } from './dispatch';
import { lanesOf, withLanes } from './lanes';

/** Workgroups that keep a card busy while it reads. */
const ENOUGH_WORKGROUPS = 512;
/** Numbers that a thread adds up at least, before another part is worth its second sum. */
const NUMBERS_PER_THREAD = 16;
const THREADS = 256; // WORKGROUP in prelude.wgsl
/** Neighbouring numbers that a workgroup adds up: 128 bytes, a cache line. Wider, and fewer threads share a column. */
const MOST_ACROSS = 32;

/** How a matrix [rows, columns] is shared out among workgroups; see reduction.wgsl. */
export interface Reduction {
  rows: number;
  /** Of `lanes` numbers each. */
  columns: number;
  lanes: 1 | 4;
  /** Columns of a workgroup, a power of two. */
  across: number;
  /** Rows of a part. */
  share: number;
  parts: number;
}

/**
 * @param width numbers in a row
 * @param lanes neighbouring numbers that a thread adds up at once
 */
export function shareRows(
  rows: number,
  width: number,
  lanes: 1 | 4 = 1,
  mostParts = Number.POSITIVE_INFINITY,
): Reduction {
  const columns = width / lanes;
  let across = 1;
  while (across < MOST_ACROSS / lanes && across < columns) across *= 2;
  const wanted = Math.ceil(ENOUGH_WORKGROUPS / Math.ceil(columns / across));
  const worthwhile = Math.ceil(rows / ((THREADS / across) * (NUMBERS_PER_THREAD / lanes)));
  const share = Math.max(1, Math.ceil(rows / Math.min(mostParts, wanted, worthwhile)));
  return { rows, columns, lanes, across, share, parts: Math.max(1, Math.ceil(rows / share)) };
}

export const reductionIntegers = ({ rows, columns, share, across }: Reduction): number[] => [
  rows,
  columns,
  share,
  across,
];

export const reductionWorkgroups = ({ columns, across, parts }: Reduction): number =>
  parts * Math.ceil(columns / across);

/** What a shader under reduction.wgsl is told besides the reduction. */
type Term = Pick<Dispatch, 'shader' | 'inputs' | 'reals'> & { integers?: readonly number[] };

/** One dispatch where one part is enough, else a second one that adds up the parts, in their order. */
export function reduce(term: Term, reduction: Reduction, output: Slot): Dispatch[] {
  const { shader, inputs, integers = [], reals = [] } = term;
  const { columns, lanes, parts } = reduction;
  const first = (to: Slot) => ({
    shader,
    inputs,
    output: to,
    integers: [...reductionIntegers(reduction), ...integers],
    reals,
    workgroups: reductionWorkgroups(reduction),
  });
  if (parts === 1) return [first(output)];
  const width = columns * lanes;
  const partial = { length: parts * width };
  return [{ ...first(partial), scratch: [partial] }, sumParts(partial, parts, width, output)];
}

/** Adds up the rows of [parts, width] in one go. */
export function sumParts(input: Slot, parts: number, width: number, output: Slot): Dispatch {
  const lanes = lanesOf(width);
  const whole = shareRows(parts, width, lanes, 1);
  return {
    shader: withLanes('sumRows', lanes),
    inputs: [input],
    output,
    integers: reductionIntegers(whole),
    workgroups: reductionWorkgroups(whole),
  };
}
