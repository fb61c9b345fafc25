import type { Tensor } from './tensor';
import { TracingBackend } from './trace';

/** How a tensor was made, as far as the gradient is concerned. */
export interface Derivation {
  /** Grows from one recorded operation to the next: inputs always have smaller numbers than what is made of them. */
  order: number;
  inputs: readonly Tensor[];
  /** From the loss's gradient with respect to the output to that with respect to each input. */
  gradient: GradientRule;
}

/** One gradient for each input, in its shape; undefined for an input that needs none or has none. */
export type GradientRule = (dOutput: Tensor) => readonly (Tensor | undefined)[];

let recording = true;
let operations = 0;

/**
 * Records how `output` depends on `inputs`, so that `gradients()` finds its way back; returns the output. Records
 * nothing when no input requires a gradient, inside noGradient(), and while a network is traced for inference.
 */
export function differentiable(output: Tensor, inputs: readonly Tensor[], gradient: GradientRule): Tensor {
  if (recording && !(output.backend instanceof TracingBackend) && inputs.some((input) => input.requiresGradient))
    output.derivation = { order: operations++, inputs, gradient };
  return output;
}

/** Computes without recording: for validation, and for what an optimiser does. Covers `compute` up to its first await. */
export function noGradient<T>(compute: () => T): T {
  const before = recording;
  recording = false;
  try {
    return compute();
  } finally {
    recording = before;
  }
}
