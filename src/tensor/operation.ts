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
