import { noGradient } from '../tensor/autograd';
import { combine } from '../tensor/ops/arithmetic';
import type { NamedValues } from '../tensor/safetensors';
import { scope, unscoped } from '../tensor/scope';
import { Tensor } from '../tensor/tensor';
import { assign, type Module, readTensors, writeTensors } from './module';

/**
 * An exponential moving average of a network's parameters and buffers (Polyak and Juditsky 1992, with forgetting):
 * average = decay * average + (1 - decay) * weights after every step. It recognises better than the last step's weights.
 */
export class WeightAverage {
  readonly decay: number;
  readonly #pairs = new Map<string, { weights: Tensor; average: Tensor }>();

  /** The average starts as the weights are now. */
  constructor(network: Module, decay = 0.999) {
    this.decay = decay;
    for (const [path, weights] of [...network.parameters(), ...network.buffers()]) {
      const average = unscoped(() => Tensor.empty(weights.backend, weights.shape, 'weight average'));
      assign(average, weights);
      this.#pairs.set(path, { weights, average });
    }
  }

  /** Call it after each step of the optimiser. */
  update(): void {
    noGradient(() => {
      for (const { weights, average } of this.#pairs.values()) {
        using _ = scope();
        assign(average, combine(average, this.decay, weights, 1 - this.decay));
      }
    });
  }

  /** The network gets the average, and the average what the network had: evaluate, and call it again to train on. */
  swap(): void {
    for (const { weights, average } of this.#pairs.values()) {
      using _ = scope();
      const aside = Tensor.empty(weights.backend, weights.shape, 'weight average');
      assign(aside, weights);
      assign(weights, average);
      assign(average, aside);
    }
  }

  /** By the network's paths. */
  state(): Promise<Map<string, NamedValues>> {
    return readTensors(this.tensors());
  }

  /** @throws Error for names that are missing or unknown, and for other shapes; nothing is changed then */
  load(values: ReadonlyMap<string, NamedValues>, source = 'the average of weights'): void {
    writeTensors(this.tensors(), values, source);
  }

  /** By the network's paths. */
  tensors(): Map<string, Tensor> {
    return new Map([...this.#pairs].map(([path, { average }]) => [path, average]));
  }

  dispose(): void {
    for (const { average } of this.#pairs.values()) average.dispose();
  }
}
