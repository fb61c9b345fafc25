import type { Backend } from '../kernels/backend';
import { gradients } from '../tensor/autograd';
import { random } from '../tensor/random';
import { Tensor } from '../tensor/tensor';
import { DepthNetwork, type DepthNetworkOptions } from './depth-network';
import { type LabelledImage, stacked } from './evaluation';
import { countRight, crossEntropy } from './loss';
import { Sgd } from './optimizer';
import { RecordedStep } from './recorded-step';
import { type Sampler, shuffledBatches } from './sampler';

export interface DepthTrainingOptions extends DepthNetworkOptions {
  /** Decides the first weights and the order of the images. */
  seed: number;
  batchSize: number;
  learningRate: number;
  momentum: number;
}

/** Euclidean norms of gradients of the loss, from the images to the classifier. */
export interface GradientNorms {
  /** By what flows between the blocks, X_0 to X_D: how much of the gradient arrives there. */
  states: number[];
  /** By the filters of each convolution: stem, then two a block. */
  filters: number[];
}

export interface DepthStep {
  /** Counted from 1. */
  step: number;
  /** Mean cross entropy of the batch, before the step; not finite where the training has failed. */
  loss: number;
  /** Share of the batch that was named rightly, likewise. */
  accuracy: number;
  /** Of the same loss; only where it was asked for. */
  norms?: GradientNorms;
}

/** Trains a DepthNetwork by gradient descent with momentum, and looks at its gradients on the way. */
export class DepthTraining {
  readonly network: DepthNetwork;
  readonly #images: readonly LabelledImage[];
  readonly #sampler: Sampler;
  readonly #optimizer: Sgd;
  readonly #recorded: RecordedStep;
  #steps = 0;

  /** @throws Error where there are no images */
  constructor(backend: Backend, images: readonly LabelledImage[], options: DepthTrainingOptions) {
    this.#images = images;
    this.#sampler = shuffledBatches(images.length, options.batchSize, options.seed);
    this.network = new DepthNetwork({ backend, random: random(options.seed) }, options);
    const { learningRate, momentum } = options;
    this.#optimizer = new Sgd(this.network.parameters(), { learningRate, momentum });
    this.#recorded = new RecordedStep(backend);
  }

  /** How many were made. */
  get steps(): number {
    return this.#steps;
  }

  set learningRate(rate: number) {
    this.#optimizer.learningRate = rate;
  }

  /** @param measured also tells the norms of the gradients, for which all of them are read from the device */
  async step({ measured = false } = {}): Promise<DepthStep> {
    const chosen = this.#sampler.batch(this.#steps).map((index) => this.#images[index]);
    const values = stacked(chosen.map(({ pixels }) => pixels));
    const labels = chosen.map(({ label }) => label);
    let stateCount = 0;
    const [loss, right, ...found] = await this.#recorded.run(() => {
      const { network } = this;
      const { height, width, channels } = network.options.input;
      const images = Tensor.from(network.stem.weight.backend, values, [labels.length, height, width, channels]);
      const { logits, states } = network.train().layers(images);
      const loss = crossEntropy(logits, labels);
      const parameters = [...network.parameters()];
      stateCount = measured ? states.length : 0;
      const slopes = gradients(loss, [...states.slice(0, stateCount), ...parameters.map(([, tensor]) => tensor)]);
      const ofParameters = slopes.slice(stateCount);
      this.#optimizer.step(ofParameters);
      const ofFilters = ofParameters.filter((_, k) => parameters[k][1].shape.length === 4);
      const result = [loss, countRight(logits, labels)];
      return measured ? [...result, ...slopes.slice(0, stateCount), ...ofFilters] : result;
    });
    const [[value], [count], ...numbers] = await Promise.all([loss, right, ...found].map((tensor) => tensor.data()));
    this.#steps++;
    const step: DepthStep = { step: this.#steps, loss: value, accuracy: count / labels.length };
    if (!measured) return step;
    const norms = numbers.map(norm);
    return { ...step, norms: { states: norms.slice(0, stateCount), filters: norms.slice(stateCount) } };
  }

  dispose(): void {
    this.#recorded.dispose();
    this.#optimizer.dispose();
    this.network.dispose();
  }
}

/** Summed in float64: squares of what vanishes in a deep network are below the smallest float32. */
function norm(values: ArrayLike<number>): number {
  let squares = 0;
  for (let k = 0; k < values.length; k++) squares += values[k] ** 2;
  return Math.sqrt(squares);
}
