import type { Tensor } from '../tensor/tensor';
import type { Module } from './module';

/**
 * Where a computation first went wrong: the earliest recorded operation on the way to `loss` whose output is not
 * finite, named by its operation and the layer whose parameters it, or the nearest before it, reads. Everything is
 * read when it is called; the scope around may close before the answer comes.
 */
export async function firstNotFinite(network: Module, loss: Tensor): Promise<string> {
  const paths = new Map([...network.parameters()].map(([path, tensor]) => [tensor, path]));
  let layer = 'the input';
  const readings = inOrder(loss).map(({ tensor, inputs }) => {
    const path = inputs.map((input) => paths.get(input)).find((found) => found !== undefined);
    if (path) layer = path.slice(0, path.lastIndexOf('.'));
    return { name: path ? `${layer} (${tensor.origin})` : `${tensor.origin} after ${layer}`, numbers: tensor.data() };
  });
  const weights = [...paths].map(([tensor, path]) => ({ path, numbers: tensor.data() }));
  for (const { path, numbers } of weights)
    if (!(await numbers).every(Number.isFinite)) return `none: the weight ${path} itself is not finite`;
  for (const { name, numbers } of readings) if (!(await numbers).every(Number.isFinite)) return name;
  return 'none: each is finite on its own';
}

/** Everything that was computed from parameters on the way to the loss, first made first. */
function inOrder(loss: Tensor): { tensor: Tensor; inputs: readonly Tensor[]; order: number }[] {
  const found = new Map<Tensor, { tensor: Tensor; inputs: readonly Tensor[]; order: number }>();
  const waiting = [loss];
  for (let tensor = waiting.pop(); tensor; tensor = waiting.pop()) {
    if (!tensor.derivation || found.has(tensor)) continue;
    const { inputs, order } = tensor.derivation;
    found.set(tensor, { tensor, inputs, order });
    waiting.push(...inputs);
  }
  return [...found.values()].sort((a, b) => a.order - b.order);
}
