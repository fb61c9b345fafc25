import type { KernelCall, Slot } from '../kernels/kernel';
import { formatShape, type Shape, ShapeError } from './shape';
import { Tensor } from './tensor';
import { TracingBackend } from './trace';

/**
 * The tensor that `operation` is about to write, on the backend of its inputs.
 * @throws ShapeError when the inputs live on different backends
 * @throws Error when one of them was freed; nothing is allocated then
 */
export function outputOf(operation: string, inputs: readonly Tensor[], shape: Shape): Tensor {
  const tracing = inputs.find((input) => input.backend instanceof TracingBackend);
  const backend = (tracing ?? inputs[0]).backend;
  const home = backend instanceof TracingBackend ? backend.target : backend;
  for (const input of inputs)
    if (input.backend !== backend && input.backend !== home)
      throw new ShapeError(
        `${operation}: input ${formatShape(input.shape)} is on ${input.backend.name}, the others are on ${home.name}`,
      );
  for (const input of inputs) input.slot; // throws if freed
  return Tensor.empty(backend, shape, operation);
}

/**
 * The gradient with respect to `input`, in its shape, by one kernel call; undefined, at no cost, where none is needed.
 * For gradient rules, which may also be made of operations: nothing is recorded while they are carried out.
 */
export function gradientFor(input: Tensor, call: (output: Slot) => KernelCall): Tensor | undefined {
  if (!input.requiresGradient) return undefined;
  const output = Tensor.empty(input.backend, input.shape, `the gradient of ${input.origin}`);
  output.backend.run(call(output.slot));
  return output;
}

/** A vector over the last axis that was added everywhere: dBias[c] = sum over all rows r of dY[r,c]. */
export const biasGradient = (bias: Tensor, dOutput: Tensor): Tensor | undefined =>
  gradientFor(bias, (output) => ({
    kernel: 'channelSums',
    inputs: { input: dOutput.slot },
    outputs: { output },
    attributes: { length: dOutput.size, channels: bias.size },
  }));
