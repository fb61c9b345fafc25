import type { NamedValues } from '../tensor/safetensors';
import { unscoped } from '../tensor/scope';
import { Tensor } from '../tensor/tensor';
import { adamStep, sgdStep } from '../tensor/updates';
import { readTensors, writeTensors } from './module';

/** Which parameters shrink. Default: weights of convolutions and dense layers, not biases, batch norms and PReLU slopes. */
export type Decays = (path: string, parameter: Tensor) => boolean;

const hasSeveralAxes: Decays = (_, parameter) => parameter.shape.length > 1;

export interface OptimizerOptions {
  learningRate: number;
  weightDecay?: number;
  decays?: Decays;
}

/** One parameter, its gradient, and what the optimiser remembers about it from step to step. */
interface Update {
  parameter: Tensor;
  gradient: Tensor;
  gradientFactor: number;
  memory: ReadonlyMap<string, Tensor>;
  weightDecay: number;
}

/**
 * Changes parameters, step by step, by their gradients. What it remembers (velocities, moments) has the parameters'
 * paths as names, `velocity.stages.0.0.conv1.weight`: saved with state() and loaded again, training goes on exactly.
 */
export abstract class Optimizer {
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** A schedule sets it before each step. */
  learningRate: number;
  readonly #weightDecay: (path: string, parameter: Tensor) => number;
  readonly #memories = new Map<string, Map<string, Tensor>>();
  #steps = 0;

  /** @param remembered names of what is remembered of each parameter, each of the parameter's shape and at first zero */
  constructor(parameters: ReadonlyMap<string, Tensor>, options: OptimizerOptions, remembered: readonly string[]) {
    const { learningRate, weightDecay = 0, decays = hasSeveralAxes } = options;
    this.parameters = parameters;
    this.learningRate = learningRate;
    this.#weightDecay = (path, parameter) => (decays(path, parameter) ? weightDecay : 0);
    for (const [path, { backend, shape, size }] of parameters)
      this.#memories.set(
        path,
        new Map(remembered.map((name) => [name, unscoped(() => Tensor.from(backend, new Float32Array(size), shape))])),
      );
  }

  /** How many steps were made. */
  get steps(): number {
    return this.#steps;
  }

  /**
   * @param gradients one for each of `parameters`, in their order, as `gradients(loss, [...parameters.values()])` gives them
   * @param scale     how many times too large they are, because the loss was scaled
   */
  step(gradients: readonly Tensor[], scale = 1): void {
    if (gradients.length !== this.parameters.size)
      throw new Error(`optimizer: ${gradients.length} gradients for ${this.parameters.size} parameters`);
    this.#steps++;
    let index = 0;
    for (const [path, parameter] of this.parameters) {
      const gradient = gradients[index++];
      const memory = this.#memories.get(path) ?? new Map<string, Tensor>();
      const weightDecay = this.#weightDecay(path, parameter);
      this.update({ parameter, gradient, gradientFactor: 1 / scale, memory, weightDecay });
    }
  }

  /** Everything it remembers from step to step, by name and path; apart from how many steps were made. */
  tensors(): Map<string, Tensor> {
    return this.#named();
  }

  /** Counts as many steps less, for a caller who gives parameters and tensors() the numbers that they had before those. */
  takeBack(steps: number): void {
    this.#steps -= steps;
  }

  protected abstract update(update: Update): void;

  /** Everything it remembers, for a checkpoint: each by name and path, and the number of steps. */
  async state(): Promise<Map<string, NamedValues>> {
    const steps: NamedValues = { shape: [1], values: Float32Array.of(this.#steps) };
    return (await readTensors(this.#named())).set('steps', steps);
  }

  /** @throws Error for names that are missing or unknown, and for other shapes; nothing is changed then */
  load(values: ReadonlyMap<string, NamedValues>, source = "the optimiser's state"): void {
    const { steps, ...rest } = Object.fromEntries(values);
    if (!steps) throw new Error(`${source}: misses the number of steps`);
    writeTensors(this.#named(), new Map(Object.entries(rest)), source);
    this.#steps = steps.values[0];
  }

  #named(): Map<string, Tensor> {
    const named = new Map<string, Tensor>();
    for (const [path, memory] of this.#memories)
      for (const [name, tensor] of memory) named.set(`${name}.${path}`, tensor);
    return named;
  }

  /** Frees what it remembers; the parameters are the network's. */
  dispose(): void {
    for (const tensor of this.#named().values()) tensor.dispose();
  }
}

function remembered(memory: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const tensor = memory.get(name);
  if (!tensor) throw new Error(`optimizer: remembers no ${name}`);
  return tensor;
}

export interface SgdOptions extends OptimizerOptions {
  momentum?: number;
  /** Look ahead along the velocity (Nesterov 1983, in Sutskever et al.'s form of 2013). */
  nesterov?: boolean;
}

/**
 * Stochastic gradient descent, as PyTorch's SGD without dampening:
 *   g = gradient + weightDecay * parameter
 *   v = momentum * v + g
 *   parameter = parameter - learningRate * (nesterov ? g + momentum * v : v)
 * The learning rate is outside the velocity: changing it acts at once on what was collected.
 */
export class Sgd extends Optimizer {
  readonly #momentum: number;
  readonly #nesterov: boolean;

  constructor(parameters: ReadonlyMap<string, Tensor>, options: SgdOptions) {
    const { momentum = 0, nesterov = false } = options;
    super(parameters, options, momentum > 0 ? ['velocity'] : []);
    this.#momentum = momentum;
    this.#nesterov = nesterov;
  }

  protected update({ parameter, gradient, gradientFactor, memory, weightDecay }: Update): void {
    const [rate, momentum, nesterov] = [this.learningRate, this.#momentum, this.#nesterov];
    const velocity = momentum > 0 ? remembered(memory, 'velocity') : undefined;
    sgdStep(parameter, gradient, velocity, { gradientFactor, rate, momentum, weightDecay, nesterov });
  }
}

export interface AdamWOptions extends OptimizerOptions {
  /** How much of the mean of gradients, and of the mean of their squares, stays at each step. */
  betas?: readonly [number, number];
  epsilon?: number;
}

/**
 * Adam with decoupled weight decay (Kingma and Ba 2015; Loshchilov and Hutter 2019), as PyTorch's AdamW. At step t:
 *   m = beta1 * m + (1 - beta1) * g
 *   s = beta2 * s + (1 - beta2) * g^2
 *   parameter = parameter * (1 - learningRate * weightDecay)
 *             - learningRate * (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + epsilon)
 * With c = sqrt(1 - beta2^t) the last quotient is (c / (1 - beta1^t)) * m / (sqrt(s) + c * epsilon).
 */
export class AdamW extends Optimizer {
  readonly #betas: readonly [number, number];
  readonly #epsilon: number;

  constructor(parameters: ReadonlyMap<string, Tensor>, options: AdamWOptions) {
    const { betas = [0.9, 0.999], epsilon = 1e-8 } = options;
    super(parameters, options, ['mean', 'square']);
    this.#betas = betas;
    this.#epsilon = epsilon;
  }

  protected update({ parameter, gradient, gradientFactor, memory, weightDecay }: Update): void {
    const [beta1, beta2] = this.#betas;
    const mean = remembered(memory, 'mean');
    const square = remembered(memory, 'square');
    const correction = Math.sqrt(1 - beta2 ** this.steps);
    adamStep(
      parameter,
      gradient,
      { mean, square },
      {
        ...{ gradientFactor, beta1, beta2 },
        rate: (this.learningRate * correction) / (1 - beta1 ** this.steps),
        epsilon: this.#epsilon * correction,
        shrink: 1 - this.learningRate * weightDecay,
      },
    );
  }
}
