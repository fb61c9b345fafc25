import { latestFirst } from '../tensor/autograd';
import type { Tensor } from '../tensor/tensor';
import type { Module } from './module';

/** One step of a computation that depends on parameters. */
export interface Operation {
  /** Its layer: the path of the module whose parameters it, or the nearest before it, reads; '' before the first. */
  layer: string;
  /** What the operation is called. */
  name: string;
  tensor: Tensor;
  /** Whether it reads parameters itself. */
  isLayer: boolean;
}

/** Everything that was computed from parameters on the way to the loss, first made first, with the layers' names. */
export function operationsOf(network: Module, loss: Tensor): Operation[] {
  const paths = new Map([...network.parameters()].map(([path, tensor]) => [tensor, path]));
  let layer = '';
  return latestFirst(loss)
    .reverse()
    .map((tensor) => {
      const path = tensor.derivation?.inputs.map((input) => paths.get(input)).find((found) => found !== undefined);
      if (path) layer = path.slice(0, path.lastIndexOf('.'));
      return { layer, name: tensor.origin, tensor, isLayer: path !== undefined };
    });
}

/** What the results of a layer's operations take, while they wait for the backward pass. */
export interface LayerMemory {
  layer: string;
  bytes: number;
  /** Its operations with their results' shapes, in their order. */
  results: { name: string; shape: readonly number[] }[];
}

/** The memory of a forward pass, layer by layer; a result that only has another shape takes none. */
export function memoryByLayer(network: Module, loss: Tensor): LayerMemory[] {
  const layers = new Map<string, LayerMemory>();
  const counted = new Set<Tensor['slot']>();
  for (const { layer, name, tensor } of operationsOf(network, loss)) {
    if (counted.has(tensor.slot)) continue;
    counted.add(tensor.slot);
    const known = layers.get(layer) ?? { layer, bytes: 0, results: [] };
    known.bytes += tensor.size * tensor.backend.bytesOfNumber;
    known.results.push({ name, shape: tensor.shape });
    layers.set(layer, known);
  }
  return [...layers.values()];
}
