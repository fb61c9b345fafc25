import type { Backend, Numbers, Precision } from '../kernels/backend';
import type { Tensor } from '../tensor/tensor';
import { PlannedNetwork } from './planned-network';
import { openPretrained, type PretrainedNetwork } from './pretrained/networks';
import type { PretrainedName } from './pretrained/weights';

export interface NetworkOptions {
  /** Where the weight files are; see loadPretrained(). */
  weights?: URL | undefined;
  /** As compile() takes it. */
  precision?: Precision | undefined;
}

/** A pretrained network on a backend, for square images in colour. */
export class Network {
  readonly #pretrained: PretrainedNetwork;
  readonly #planned: PlannedNetwork;

  private constructor(backend: Backend, pretrained: PretrainedNetwork, precision: Precision) {
    this.#pretrained = pretrained;
    // The weights are on the backend only while a plan is made.
    this.#planned = new PlannedNetwork(backend, pretrained.forward, precision, () => pretrained.weights.dispose());
  }

  static async open(
    backend: Backend,
    name: PretrainedName,
    { weights, precision = 'full' }: NetworkOptions = {},
  ): Promise<Network> {
    return new Network(backend, await openPretrained(backend, name, weights), precision);
  }

  /** A weight's numbers, for what is computed on the host. */
  values = (name: string) => this.#pretrained.weights.values(name).values;

  /**
   * @param image makes image k, [1, side, side, 3], RGB 0 to 255; made inside a scope that frees it
   * @param signal looked at between batches
   * @returns for each image, the numbers of each of the network's outputs
   */
  run(count: number, side: number, image: (k: number) => Tensor, signal?: AbortSignal): Promise<Numbers[][]> {
    return this.#planned.run(count, [side, side, 3], image, signal);
  }

  /** Compiles the plan for one image ahead of its first use. */
  prepare = (side: number): Promise<void> => this.#planned.prepare([side, side, 3]);

  async dispose(): Promise<void> {
    await this.#planned.dispose();
    this.#pretrained.weights.dispose();
  }
}
