import type { Tensor } from '../tensor/tensor';
import type { Module } from './module';
import { operationsOf } from './operations';

/**
 * Where a computation first went wrong: the earliest recorded operation on the way to `loss` whose output is not
 * finite, named by its operation and its layer. Everything is read when it is called; the scope around may close before
 * the answer comes.
 */
export async function firstNotFinite(network: Module, loss: Tensor): Promise<string> {
  const readings = operationsOf(network, loss).map(({ layer, name, tensor, isLayer }) => ({
    name: isLayer ? `${layer} (${name})` : `${name} after ${layer || 'the input'}`,
    numbers: tensor.data(),
  }));
  const weights = [...network.parameters()].map(([path, tensor]) => ({ path, numbers: tensor.data() }));
  for (const { path, numbers } of weights)
    if (!(await numbers).every(Number.isFinite)) return `none: the weight ${path} itself is not finite`;
  for (const { name, numbers } of readings) if (!(await numbers).every(Number.isFinite)) return name;
  return 'none: each is finite on its own';
}
