import type { KernelCall, KernelName, Slot } from '../kernel';

/** A kernel as plain loops over float64; `at` gives the numbers of a slot. */
export type ReferenceKernel<K extends KernelName> = (call: KernelCall<K>, at: (slot: Slot) => Float64Array) => void;
