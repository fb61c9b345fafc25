import type { Backend } from '../kernels/backend';
import { LINEAR } from '../kernels/kernel';
import { noGradient } from './record';
import { scope } from './scope';
import { formatShape, type Shape, ShapeError } from './shape';
import { Tensor } from './tensor';

export { differentiable, type GradientRule, noGradient } from './record';

/** A tensor that gradients are taken with respect to. */
export const parameter = (backend: Backend, values: ArrayLike<number>, shape: Shape = [values.length]): Tensor =>
  Tensor.from(backend, values, shape).requireGradient();

/**
 * The gradient of a loss with respect to each parameter, by the chain rule from the loss backwards (reverse mode):
 * the gradient of a tensor is the sum of what every operation that reads it hands back.
 *
 * Frees the gradients in between as soon as they have been passed on, and nothing else: the loss can be
 * differentiated again. The results belong to the scope around the call.
 *
 * @param loss a single number
 * @param parameters any tensors that require a gradient
 * @returns one tensor for each parameter, in its shape; zeros where the loss does not depend on it
 * @throws ShapeError when the loss is not a single number
 * @throws Error when a tensor was freed that a gradient needs, and for an operation that has no gradient
 */
export function gradients(loss: Tensor, parameters: readonly Tensor[]): Tensor[] {
  if (loss.size !== 1)
    throw new ShapeError(
      `gradients: the loss is ${formatShape(loss.shape)}, not a single number; take its mean or sum`,
    );
  for (const { requiresGradient, shape, origin } of parameters)
    if (!requiresGradient)
      throw new Error(
        `gradients: tensor ${formatShape(shape)} made by ${origin} neither is nor depends on a parameter`,
      );
  for (const tensor of [loss, ...parameters]) tensor.slot; // throws if freed
  return noGradient(() => {
    using inside = scope();
    const wanted = new Set(parameters);
    const found = new Map([[loss, filled(loss, 1)]]);
    for (const tensor of latestFirst(loss)) passBack(tensor, found, wanted);
    const given = new Set<Tensor>();
    return parameters.map((tensor) => {
      const gradient = found.get(tensor) ?? filled(tensor, 0);
      if (given.has(gradient)) return inside.keep(gradient.reshape(...gradient.shape)); // a parameter named twice
      given.add(gradient);
      return inside.keep(gradient);
    });
  });
}

/** All that was computed from parameters on the way to the loss. Inputs are made before outputs: sorting is enough. */
export function latestFirst(loss: Tensor): Tensor[] {
  const derived: { tensor: Tensor; order: number }[] = [];
  const seen = new Set([loss]);
  const waiting = [loss];
  for (let tensor = waiting.pop(); tensor; tensor = waiting.pop()) {
    if (!tensor.derivation) continue;
    const { order, inputs } = tensor.derivation;
    derived.push({ tensor, order });
    for (const input of inputs)
      if (!seen.has(input)) {
        seen.add(input);
        waiting.push(input);
      }
  }
  return derived.sort((a, b) => b.order - a.order).map(({ tensor }) => tensor);
}

/** Hands the gradient of `tensor`, complete by now, on to what it was made of. */
function passBack(tensor: Tensor, found: Map<Tensor, Tensor>, wanted: ReadonlySet<Tensor>): void {
  const dOutput = found.get(tensor);
  if (!dOutput || !tensor.derivation) return;
  const { inputs, gradient } = tensor.derivation;
  using inside = scope();
  const dInputs = gradient(dOutput);
  for (const [k, input] of inputs.entries()) {
    if (!input.requiresGradient) continue;
    const dInput = dInputs[k];
    if (!dInput)
      throw new Error(
        `${tensor.origin} has no gradient with respect to its input ${formatShape(input.shape)} made by ${input.origin}`,
      );
    if (formatShape(dInput.shape) !== formatShape(input.shape))
      throw new ShapeError(
        `${tensor.origin}: the gradient ${formatShape(dInput.shape)} does not have the shape of its input ${formatShape(input.shape)}`,
      );
    const before = found.get(input);
    // A view of its own, for a rule may hand out the same tensor twice, or dOutput itself.
    found.set(input, inside.keep(before ? sum(before, dInput) : dInput.reshape(...dInput.shape)));
    before?.dispose();
  }
  if (wanted.has(tensor)) return;
  found.delete(tensor);
  dOutput.dispose();
}

function filled(like: Tensor, value: number): Tensor {
  const tensor = Tensor.empty(like.backend, like.shape, 'gradients');
  tensor.backend.write(tensor.slot, new Float32Array(tensor.size).fill(value));
  return tensor;
}

function sum(left: Tensor, right: Tensor): Tensor {
  const output = Tensor.empty(left.backend, left.shape, 'gradients');
  output.backend.run({
    kernel: 'add',
    inputs: { left: left.slot, right: right.slot },
    outputs: { output: output.slot },
    attributes: { length: left.size, rightLength: right.size, activation: LINEAR },
  });
  return output;
}
