import type { Backend, Numbers } from '../kernels/backend';
import { compile, type Plan } from '../nn/compile';
import { scope } from '../tensor/scope';
import type { Shape } from '../tensor/shape';
import type { Tensor } from '../tensor/tensor';
import { openPretrained, type PretrainedNetwork } from './pretrained/networks';
import type { PretrainedName } from './pretrained/weights';

/** Batches that plans are made for, largest first: whatever is left of a large one is done one by one. */
const BATCHES = [8, 1];

/** A pretrained network on a backend, with a plan for each batch and input size that was asked for. */
export class Network {
  readonly #backend: Backend;
  readonly #pretrained: PretrainedNetwork;
  readonly #plans = new Map<string, Promise<Plan>>();
  #compiling = 0;

  private constructor(backend: Backend, pretrained: PretrainedNetwork) {
    this.#backend = backend;
    this.#pretrained = pretrained;
  }

  static async open(backend: Backend, name: PretrainedName, directory?: URL): Promise<Network> {
    return new Network(backend, await openPretrained(backend, name, directory));
  }

  /** A weight's numbers, for what is computed on the host. */
  values = (name: string) => this.#pretrained.weights.values(name).values;

  /**
   * @param image makes image k, [1, side, side, 3], RGB 0 to 255; made inside a scope that frees it
   * @param signal looked at between batches
   * @returns for each image, the numbers of each of the network's outputs
   */
  async run(count: number, side: number, image: (k: number) => Tensor, signal?: AbortSignal): Promise<Numbers[][]> {
    const results: Numbers[][] = [];
    while (results.length < count) {
      signal?.throwIfAborted();
      const batch = BATCHES.find((size) => size <= count - results.length) ?? 1;
      const plan = await this.#plan(batch, side);
      // Filling, running and asking for the outputs happen in one go: another caller may use the plan once we wait.
      this.#fill(plan.input, batch, (k) => image(results.length + k));
      const outputs = await Promise.all(plan.run().map((output) => output.data()));
      for (let k = 0; k < batch; k++)
        results.push(outputs.map((all) => all.slice((k * all.length) / batch, ((k + 1) * all.length) / batch)));
    }
    return results;
  }

  #fill(input: Tensor, batch: number, image: (k: number) => Tensor): void {
    using _ = scope();
    const length = input.size / batch;
    for (let k = 0; k < batch; k++) this.#backend.copy(image(k).slot, input.slot, { length, toOffset: k * length });
  }

  /** Compiles the plan for one image ahead of its first use. */
  async prepare(side: number): Promise<void> {
    await this.#plan(1, side);
  }

  #plan(batch: number, side: number): Promise<Plan> {
    const key = `${batch}x${side}`;
    let plan = this.#plans.get(key);
    if (!plan) {
      plan = this.#compile([batch, side, side, 3]);
      this.#plans.set(key, plan);
      plan.catch(() => this.#plans.delete(key));
    }
    return plan;
  }

  /** A plan has its own copy of the weights, packed: the network's are on the backend only while one is made. */
  async #compile(shape: Shape): Promise<Plan> {
    this.#compiling++;
    try {
      return await compile(this.#backend, this.#pretrained.forward, shape);
    } finally {
      this.#compiling--;
      if (this.#compiling === 0) this.#pretrained.weights.dispose();
    }
  }

  async dispose(): Promise<void> {
    for (const plan of this.#plans.values()) (await plan).dispose();
    this.#plans.clear();
    this.#pretrained.weights.dispose();
  }
}
