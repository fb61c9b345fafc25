import type { Backend, Numbers, Precision } from '../kernels/backend';
import { compile, type Forward, type Plan } from '../nn/compile';
import { scope } from '../tensor/scope';
import type { Shape } from '../tensor/shape';
import type { Tensor } from '../tensor/tensor';

/** Batches that plans are made for, largest first: whatever is left of a large one is done one by one. */
const BATCHES = [8, 1];

/** A network on a backend, with a plan for each batch and input shape that was asked for. */
export class PlannedNetwork {
  readonly #backend: Backend;
  readonly #forward: Forward;
  readonly #onCompiled: () => void;
  readonly #precision: Precision;
  readonly #plans = new Map<string, Promise<Plan>>();
  #compiling = 0;

  /** @param onCompiled called when no plan is being made any more: plans have copies of the weights */
  constructor(backend: Backend, forward: Forward, precision: Precision, onCompiled: () => void = () => {}) {
    this.#backend = backend;
    this.#forward = forward;
    this.#precision = precision;
    this.#onCompiled = onCompiled;
  }

  /**
   * @param shape [height, width, channels] of an image
   * @param image makes image k, [1, height, width, channels]; made inside a scope that frees it
   * @param signal looked at between batches
   * @returns for each image, the numbers of each of the network's outputs
   */
  async run(count: number, shape: Shape, image: (k: number) => Tensor, signal?: AbortSignal): Promise<Numbers[][]> {
    const results: Numbers[][] = [];
    while (results.length < count) {
      signal?.throwIfAborted();
      const batch = BATCHES.find((size) => size <= count - results.length) ?? 1;
      const plan = await this.#plan(batch, shape);
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
  async prepare(shape: Shape): Promise<void> {
    await this.#plan(1, shape);
  }

  #plan(batch: number, shape: Shape): Promise<Plan> {
    const key = [batch, ...shape].join('x');
    let plan = this.#plans.get(key);
    if (!plan) {
      plan = this.#compile([batch, ...shape]);
      this.#plans.set(key, plan);
      plan.catch(() => this.#plans.delete(key));
    }
    return plan;
  }

  async #compile(shape: Shape): Promise<Plan> {
    this.#compiling++;
    try {
      return await compile(this.#backend, this.#forward, shape, { precision: this.#precision });
    } finally {
      this.#compiling--;
      if (this.#compiling === 0) this.#onCompiled();
    }
  }

  async dispose(): Promise<void> {
    // One that is still being compiled may fail: whoever asked for it is told.
    for (const plan of this.#plans.values()) (await plan.catch(() => undefined))?.dispose();
    this.#plans.clear();
  }
}
