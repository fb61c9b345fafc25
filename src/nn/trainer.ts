import { gradients, noGradient } from '../tensor/autograd';
import { add, scale } from '../tensor/ops/arithmetic';
import { stream } from '../tensor/random';
import type { NamedValues } from '../tensor/safetensors';
import { type Disposable, scope } from '../tensor/scope';
import type { Tensor } from '../tensor/tensor';
import { WeightAverage } from './average';
import { clipGradients } from './clip';
import { CosineClassifier, cosines } from './cosine-classifier';
import { firstNotFinite } from './diagnosis';
import { evaluate, imagesTensor, type LabelledImage, rightIn, stacked } from './evaluation';
import {
  arcFaceLogits,
  cosFaceLogits,
  crossEntropy,
  semiHardTriplets,
  squaredDistances,
  type Triplet,
  tripletLoss,
} from './loss';
import type { MiniResNet } from './mini-resnet';
import { type LayerMemory, memoryByLayer } from './operations';
import { AdamW, type Optimizer, Sgd } from './optimizer';
import { balancedBatches, type Sampler, shuffledBatches } from './sampler';
import { cosine, type Schedule, steps, warmUp } from './schedule';

/** Everything that decides what a training gives, apart from the network and the images. */
export interface TrainingSettings {
  epochs: number;
  batchSize: number;
  /** Images of each person in a batch, of batchSize / imagesEach people; 0 for whatever comes, each image once an epoch. */
  imagesEach: number;
  seed: number;
  optimizer: 'sgd' | 'adamw';
  /** The highest, which it climbs to while warming up. */
  learningRate: number;
  /** How it falls afterwards: along half a cosine to zero, or to a tenth after half and after three quarters. */
  schedule: 'cosine' | 'steps';
  warmUpEpochs: number;
  weightDecay: number;
  /** 'arcface' and 'cosface' need a cosine classifier. */
  loss: 'softmax' | 'arcface' | 'cosface';
  /** Of ArcFace (an angle) or CosFace (a cosine). */
  margin: number;
  /** How much the triplet loss is worth beside the other; it needs imagesEach of 2 or more. */
  tripletWeight: number;
  /** The share of the target that is spread over all people. */
  smoothing: number;
  /** The largest common length of all gradients; 0 for any. */
  clip: number;
  /** Of the moving average of weights that is evaluated and saved; 0 for the last step's weights. */
  averageDecay: number;
}

export const TRAINING_DEFAULTS: TrainingSettings = {
  epochs: 40,
  batchSize: 32,
  imagesEach: 0,
  seed: 1,
  optimizer: 'sgd',
  learningRate: 0.1,
  schedule: 'cosine',
  warmUpEpochs: 3,
  weightDecay: 5e-4,
  loss: 'softmax',
  margin: 0.3,
  tripletWeight: 0,
  smoothing: 0.1,
  clip: 0,
  averageDecay: 0,
};

/** The images that a network is trained on and tested with. */
export interface TrainingData {
  /** Whose each training image is, counted from 0. */
  labels: readonly number[];
  /**
   * The pixels of the training images of one step, [batch, height, width, channels], each image brought to mean 0 and
   * deviation 1. Where they are varied at random, the step decides how: asked again it gives the same numbers. It is
   * called a step ahead, so that work done elsewhere is ready when it is needed.
   */
  batch(indices: readonly number[], step: number): Promise<Float32Array> | Float32Array;
  test: readonly LabelledImage[];
}

/** Training images as they are, without variation. */
export function plainData(train: readonly LabelledImage[], test: readonly LabelledImage[]): TrainingData {
  return {
    labels: train.map(({ label }) => label),
    batch: (indices) => stacked(indices.map((index) => train[index].pixels)),
    test,
  };
}

/** What an epoch came to: means over its batches, and the test images after it. */
export interface EpochRecord {
  epoch: number;
  loss: number;
  accuracy: number;
  testLoss: number;
  testAccuracy: number;
}

export interface TrainingProgress {
  /** Steps made, of how many. */
  step: number;
  steps: number;
  /** Counted from 1. */
  epoch: number;
  epochs: number;
  /** Of the batch, as the loss sees it: augmented, smoothed, with its margin. */
  loss: number;
  accuracy: number;
  learningRate: number;
  imagesPerSecond: number;
  secondsLeft: number;
  /** After the last step of an epoch. */
  finished?: EpochRecord;
}

/** Where a training stands, apart from its tensors: it goes through JSON and comes back the same. */
export interface TrainingPosition {
  step: number;
  /** Sums over the batches of the epoch so far. */
  lossSum: number;
  right: number;
  history: EpochRecord[];
}

/** Streams of random numbers that start from one seed, each for a purpose of its own. */
const ORDER = 1;
const DROPS = 2;

/**
 * Trains a network on labelled images, a batch at a time:
 *
 *     const trainer = new Trainer(network, plainData(train, test), settings);
 *     for await (const { loss, finished } of trainer.run()) ...
 *
 * The seed and the number of a step decide its images, their variation and what is dropped out: the same seed gives
 * the same weights, and a training that was saved and restored between two steps goes on to the bit as if nothing had
 * happened.
 */
export class Trainer {
  readonly network: MiniResNet;
  readonly settings: TrainingSettings;
  readonly optimizer: Optimizer;
  readonly average: WeightAverage | undefined;
  /** What the first step's forward pass took, layer by layer; none before it. */
  memory: readonly LayerMemory[] = [];
  readonly #data: TrainingData;
  readonly #sampler: Sampler;
  readonly #schedule: Schedule;
  #upcoming: Batch | undefined;
  #position: TrainingPosition;

  /** @throws Error in one sentence for data or settings that cannot be trained with */
  constructor(network: MiniResNet, data: TrainingData, settings: Partial<TrainingSettings> = {}) {
    this.network = network;
    this.settings = { ...TRAINING_DEFAULTS, ...settings };
    const { epochs, warmUpEpochs, loss, averageDecay } = this.settings;
    if (data.labels.length < 2) throw new Error(`training: ${data.labels.length} images are too few to learn from`);
    if (loss !== 'softmax' && !(network.classifier instanceof CosineClassifier))
      throw new Error(`training: the loss ${loss} needs a network whose classifier is 'cosine'`);
    this.#data = data;
    this.#sampler = makeSampler(data.labels, this.settings);
    const warmUpSteps = Math.round(Math.min(warmUpEpochs, epochs / 4) * this.stepsPerEpoch);
    this.#schedule = warmUp(warmUpSteps, makeSchedule(this.settings, this.steps - warmUpSteps));
    this.optimizer = makeOptimizer(network, this.settings);
    this.average = averageDecay > 0 ? new WeightAverage(network, averageDecay) : undefined;
    this.#position = { step: 0, lossSum: 0, right: 0, history: [] };
  }

  get stepsPerEpoch(): number {
    return this.#sampler.stepsPerEpoch;
  }

  /** How many steps the whole training has. */
  get steps(): number {
    return this.settings.epochs * this.stepsPerEpoch;
  }

  /** How many steps were made. */
  get step(): number {
    return this.#position.step;
  }

  get history(): readonly EpochRecord[] {
    return this.#position.history;
  }

  get position(): TrainingPosition {
    return { ...this.#position };
  }

  /**
   * Trains to the end, or until the signal: the step in work is finished first, and run() called again goes on.
   * @throws Error naming the step, the learning rate and the first layer that failed when the loss is not finite
   */
  async *run(signal?: AbortSignal): AsyncGenerator<TrainingProgress> {
    const started = { time: performance.now(), step: this.step };
    const { batchSize } = this.#sampler;
    while (this.step < this.steps && !signal?.aborted) {
      const { loss, right, learningRate } = await this.#makeStep();
      const position = this.#position;
      position.step++;
      position.lossSum += loss;
      position.right += right;
      const epoch = Math.ceil(this.step / this.stepsPerEpoch);
      const finished = this.step % this.stepsPerEpoch === 0 ? await this.#finishEpoch(epoch) : undefined;
      const seconds = (performance.now() - started.time) / 1000;
      const secondsPerStep = seconds / (this.step - started.step);
      yield {
        step: this.step,
        steps: this.steps,
        epoch,
        epochs: this.settings.epochs,
        loss,
        accuracy: right / batchSize,
        learningRate,
        imagesPerSecond: batchSize / secondsPerStep,
        secondsLeft: (this.steps - this.step) * secondsPerStep,
        ...(finished && { finished }),
      };
    }
    this.network.evaluate();
  }

  /** Leaves the weights as they are when the loss is not finite. */
  async #makeStep(): Promise<{ loss: number; right: number; learningRate: number }> {
    const { network, optimizer, step } = this;
    const learningRate = this.#schedule(step);
    const { pixels, labels } = await this.#take(step);
    network.train(stream(this.settings.seed, DROPS, step));

    const held: Disposable[] = [];
    try {
      const { embeddings, logits, distances } = detached(held, () => this.#forward(pixels, labels));
      const triplets = distances ? semiHardTriplets(await distances.data(), labels) : [];
      const { loss, slopes } = detached(held, () => {
        const loss = this.#loss(embeddings, logits, labels, triplets);
        return { loss, slopes: this.#clipped(gradients(loss, [...optimizer.parameters.values()])) };
      });
      if (this.memory.length === 0) this.memory = memoryByLayer(network, loss);
      const [[value], numbers] = await Promise.all([loss.data(), logits.data()]);
      if (!Number.isFinite(value)) throw await failure(network, loss, { value, step: step + 1, learningRate });
      optimizer.learningRate = learningRate;
      optimizer.step(slopes);
      this.average?.update();
      return { loss: value, right: rightIn(numbers, labels), learningRate };
    } finally {
      for (const tensors of held) tensors.dispose();
    }
  }

  /** The batch of a step; the next one is being made ready meanwhile. */
  async #take(step: number): Promise<{ pixels: Float32Array; labels: number[] }> {
    const { images, labels } = this.#upcoming?.step === step ? this.#upcoming : this.#draw(step);
    const pixels = await images;
    this.#upcoming = step + 1 < this.steps ? this.#draw(step + 1) : undefined;
    return { pixels, labels };
  }

  #draw(step: number): Batch {
    const indices = this.#sampler.batch(step);
    const images = Promise.resolve(this.#data.batch(indices, step));
    images.catch(() => {}); // reported when the step comes, if it comes
    return { step, images, labels: indices.map((index) => this.#data.labels[index]) };
  }

  #forward(pixels: Float32Array, labels: readonly number[]) {
    const { network, settings } = this;
    const embeddings = network.embed(imagesTensor(network, pixels));
    const distances = settings.tripletWeight > 0 ? noGradient(() => squaredDistances(embeddings)) : undefined;
    return { embeddings, logits: this.#logits(embeddings, labels), distances };
  }

  #logits(embeddings: Tensor, labels: readonly number[]): Tensor {
    const { loss, margin } = this.settings;
    const { classifier } = this.network;
    if (loss === 'softmax' || !(classifier instanceof CosineClassifier)) return classifier.forward(embeddings);
    const options = { margin, scale: classifier.scale };
    return loss === 'arcface'
      ? arcFaceLogits(embeddings, classifier.weight, labels, options)
      : cosFaceLogits(cosines(embeddings, classifier.weight), labels, options);
  }

  #loss(embeddings: Tensor, logits: Tensor, labels: readonly number[], triplets: readonly Triplet[]): Tensor {
    const loss = crossEntropy(logits, labels, this.settings);
    return triplets.length === 0
      ? loss
      : add(loss, scale(tripletLoss(embeddings, triplets), this.settings.tripletWeight));
  }

  #clipped(all: Tensor[]): Tensor[] {
    return this.settings.clip > 0 ? clipGradients(all, this.settings.clip).gradients : all;
  }

  async #finishEpoch(epoch: number): Promise<EpochRecord> {
    const position = this.#position;
    this.average?.swap();
    const { loss: testLoss, accuracy: testAccuracy } = await evaluate(this.network, this.#data.test);
    this.average?.swap();
    const loss = position.lossSum / this.stepsPerEpoch;
    const accuracy = position.right / (this.stepsPerEpoch * this.#sampler.batchSize);
    const record = { epoch, loss, accuracy, testLoss, testAccuracy };
    Object.assign(position, { lossSum: 0, right: 0, history: [...position.history, record] });
    return record;
  }

  /** What must be kept to go on exactly, apart from the network's own weights and the position. */
  async state(): Promise<Map<string, NamedValues>> {
    const tensors = new Map<string, NamedValues>();
    for (const [name, values] of await this.optimizer.state()) tensors.set(`optimizer.${name}`, values);
    return tensors;
  }

  /** Goes on from where another trainer, with the same settings and images, stood. The network's weights are the caller's. */
  load(tensors: ReadonlyMap<string, NamedValues>, position: TrainingPosition, source: string): void {
    const remembered = [...tensors].filter(([name]) => name.startsWith('optimizer.'));
    this.optimizer.load(new Map(remembered.map(([name, values]) => [name.slice('optimizer.'.length), values])), source);
    this.#position = { ...position };
  }

  /** Frees what the optimiser and the average remember; the network is the caller's. */
  dispose(): void {
    this.optimizer.dispose();
    this.average?.dispose();
  }
}

interface Batch {
  step: number;
  images: Promise<Float32Array>;
  labels: number[];
}

/** Computes, and leaves all tensors that were made alive until what is added to `held` is disposed of. */
function detached<T>(held: Disposable[], compute: () => T): T {
  const inside = scope();
  try {
    return compute();
  } finally {
    held.push(inside.detach());
  }
}

async function failure(
  network: MiniResNet,
  loss: Tensor,
  { value, step, learningRate }: { value: number; step: number; learningRate: number },
): Promise<Error> {
  return new Error(
    `training stopped: the loss is ${value} at step ${step}, learning rate ${learningRate.toPrecision(3)}; ` +
      `the first layer whose output is not finite is ${await firstNotFinite(network, loss)}`,
  );
}

function makeSampler(
  labels: readonly number[],
  { batchSize, imagesEach, seed, tripletWeight }: TrainingSettings,
): Sampler {
  const own = stream(seed, ORDER).below(2 ** 32);
  if (imagesEach === 0) {
    if (tripletWeight > 0) throw new Error('training: the triplet loss needs several images of each person in a batch');
    return shuffledBatches(labels.length, batchSize, own);
  }
  const people = Math.min(Math.floor(batchSize / imagesEach), new Set(labels).size);
  if (people < 2)
    throw new Error(`training: a batch of ${batchSize} images, ${imagesEach} of each person, does not hold two people`);
  return balancedBatches(labels, { people, imagesEach, seed: own });
}

const makeSchedule = ({ schedule, learningRate }: TrainingSettings, length: number): Schedule =>
  schedule === 'cosine'
    ? cosine(learningRate, length)
    : steps(learningRate, [Math.round(length / 2), Math.round(0.75 * length)]);

function makeOptimizer(network: MiniResNet, { optimizer, learningRate, weightDecay }: TrainingSettings): Optimizer {
  const parameters = network.parameters();
  return optimizer === 'sgd'
    ? new Sgd(parameters, { learningRate, weightDecay, momentum: 0.9, nesterov: true })
    : new AdamW(parameters, { learningRate, weightDecay });
}
