import type { Shape, Tensor } from '../../src/tensor/index';

/** Makes a tensor: of the values given, or, of none, filled with 1, 2, 3 and so on. */
export type Make = (shape: Shape, values?: readonly number[]) => Tensor;

/** What an operation makes of tiny numbers, worked by hand. */
export interface Case {
  title: string;
  apply(make: Make): Tensor;
  shape: Shape;
  values: readonly number[];
  /** The last step of an operation that is made of others: what an error names. */
  madeBy?: string;
}

/** What it refuses, and the sentence that it says. */
export interface Refusal {
  apply(make: Make): Tensor;
  says: string;
}

export interface ByHand {
  cases: Case[];
  refusals: Refusal[];
}
