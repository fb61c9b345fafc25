import { gradients } from '../tensor/autograd';
import { type Random, type RandomState, random, randomFromState } from '../tensor/random';
import type { NamedValues } from '../tensor/safetensors';
import { scope } from '../tensor/scope';
import type { Tensor } from '../tensor/tensor';
import { WeightAverage } from './average';
import { clipGradients } from './clip';
import { CosineClassifier, cosines } from './cosine-classifier';
import { firstNotFinite } from './diagnosis';
import { evaluate, imagesTensor, type LabelledImage, rightIn, standardized } from './evaluation';
import { arcFaceLogits, cosFaceLogits, crossEntropy } from './loss';
import type { MiniResNet } from './mini-resnet';
import { AdamW, type Optimizer, Sgd } from './optimizer';
import { cosine, type Schedule, warmUp } from './schedule';

/** Everything that decides what a training gives, apart from the network and the images. */
export interface TrainingSettings {
  epochs: number;
  batchSize: number;
  seed: number;
  optimizer: 'sgd' | 'adamw';
  /** The highest: it climbs to it while warming up, and falls to zero along half a cosine. */
  learningRate: number;
  warmUpEpochs: number;
  weightDecay: number;
  /** 'arcface' and 'cosface' need a cosine classifier. */
  loss: 'softmax' | 'arcface' | 'cosface';
  /** Of ArcFace (an angle) or CosFace (a cosine). */
  margin: number;
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
  seed: 1,
  optimizer: 'sgd',
  learningRate: 0.1,
  warmUpEpochs: 3,
  weightDecay: 5e-4,
  loss: 'softmax',
  margin: 0.3,
  smoothing: 0.1,
  clip: 0,
  averageDecay: 0,
};

/** Changes an image at random while training. */
export type Augment = (pixels: Float32Array, random: Random) => Float32Array;

export interface TrainingData {
  train: readonly LabelledImage[];
  test: readonly LabelledImage[];
  augment?: Augment | undefined;
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
  random: RandomState;
  /** Sums over the batches of the epoch so far. */
  lossSum: number;
  right: number;
  history: EpochRecord[];
}

/**
 * Trains a network on labelled images, a batch at a time:
 *
 *     const trainer = new Trainer(network, { train, test }, settings);
 *     for await (const { loss, finished } of trainer.run()) ...
 *
 * Images may have any brightness and contrast: each is brought to mean 0 and deviation 1. One generator shuffles,
 * augments and drops out, so that the same seed gives the same weights, and a training that was saved and restored
 * between two steps goes on to the bit as if nothing had happened.
 */
export class Trainer {
  readonly network: MiniResNet;
  readonly settings: TrainingSettings;
  readonly stepsPerEpoch: number;
  readonly optimizer: Optimizer;
  readonly average: WeightAverage | undefined;
  readonly #data: TrainingData;
  readonly #batchSize: number;
  readonly #schedule: Schedule;
  #random: Random;
  /** Which image comes when in this epoch. What does not fill a batch sits out, another in every epoch. */
  #order: Uint32Array;
  #position: { step: number; lossSum: number; right: number; history: EpochRecord[] };

  /** @throws Error in one sentence for data or settings that cannot be trained with */
  constructor(network: MiniResNet, data: TrainingData, settings: Partial<TrainingSettings> = {}) {
    this.network = network;
    this.settings = { ...TRAINING_DEFAULTS, ...settings };
    const { batchSize, epochs, seed, warmUpEpochs, learningRate, loss, averageDecay } = this.settings;
    if (data.train.length < 2) throw new Error(`training: ${data.train.length} images are too few to learn from`);
    if (loss !== 'softmax' && !(network.classifier instanceof CosineClassifier))
      throw new Error(`training: the loss ${loss} needs a network whose classifier is 'cosine'`);
    this.#data = data;
    this.#batchSize = Math.min(batchSize, data.train.length);
    this.stepsPerEpoch = Math.floor(data.train.length / this.#batchSize);
    const warmUpSteps = Math.round(Math.min(warmUpEpochs, epochs / 4) * this.stepsPerEpoch);
    this.#schedule = warmUp(warmUpSteps, cosine(learningRate, this.steps - warmUpSteps));
    this.optimizer = makeOptimizer(network, this.settings);
    this.average = averageDecay > 0 ? new WeightAverage(network, averageDecay) : undefined;
    this.#random = random(seed);
    this.#order = Uint32Array.from(data.train.keys());
    this.#position = { step: 0, lossSum: 0, right: 0, history: [] };
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

  /**
   * Trains to the end, or until the signal: the step in work is finished first, and run() called again goes on.
   * @throws Error naming the step, the learning rate and the first layer that failed when the loss is not finite
   */
  async *run(signal?: AbortSignal): AsyncGenerator<TrainingProgress> {
    const started = { time: performance.now(), step: this.step };
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
        accuracy: right / this.#batchSize,
        learningRate,
        imagesPerSecond: this.#batchSize / secondsPerStep,
        secondsLeft: (this.steps - this.step) * secondsPerStep,
        ...(finished && { finished }),
      };
    }
    this.network.evaluate();
  }

  /** Leaves the weights as they are when the loss is not finite. */
  async #makeStep(): Promise<{ loss: number; right: number; learningRate: number }> {
    const step = this.step % this.stepsPerEpoch;
    if (step === 0) shuffle(this.#order, this.#random);
    const batch = this.#drawBatch(step);
    const learningRate = this.#schedule(this.step);
    this.network.train(this.#random);
    const drops = this.#random.state();
    const parameters = [...this.network.parameters().values()];

    const { reading, slopes } = (() => {
      using inside = scope();
      const { logits, loss } = this.#forward(batch);
      const slopes = this.#clipped(gradients(loss, parameters)).map((gradient) => inside.keep(gradient));
      return { reading: Promise.all([loss.data(), logits.data()]), slopes };
    })();
    try {
      const [[loss], logits] = await reading;
      if (!Number.isFinite(loss)) throw await this.#failure(batch, loss, learningRate, drops);
      this.optimizer.learningRate = learningRate;
      this.optimizer.step(slopes);
      this.average?.update();
      return {
        loss,
        right: rightIn(
          logits,
          batch.map(({ label }) => label),
        ),
        learningRate,
      };
    } finally {
      for (const gradient of slopes) gradient.dispose();
    }
  }

  #drawBatch(step: number): LabelledImage[] {
    const { train, augment } = this.#data;
    const chosen = this.#order.subarray(step * this.#batchSize, (step + 1) * this.#batchSize);
    return Array.from(chosen, (index) => {
      const { pixels, label } = train[index];
      return { pixels: standardized(augment ? augment(pixels, this.#random) : pixels), label };
    });
  }

  #forward(batch: readonly LabelledImage[]): { logits: Tensor; loss: Tensor } {
    const { network, settings } = this;
    const labels = batch.map(({ label }) => label);
    const embeddings = network.embed(imagesTensor(network, batch));
    const logits = this.#logits(embeddings, labels);
    return { logits, loss: crossEntropy(logits, labels, settings) };
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

  #clipped(all: Tensor[]): Tensor[] {
    return this.settings.clip > 0 ? clipGradients(all, this.settings.clip).gradients : all;
  }

  async #finishEpoch(epoch: number): Promise<EpochRecord> {
    const position = this.#position;
    this.average?.swap();
    const { loss: testLoss, accuracy: testAccuracy } = await evaluate(this.network, this.#data.test);
    this.average?.swap();
    const loss = position.lossSum / this.stepsPerEpoch;
    const accuracy = position.right / (this.stepsPerEpoch * this.#batchSize);
    const record = { epoch, loss, accuracy, testLoss, testAccuracy };
    Object.assign(position, { lossSum: 0, right: 0, history: [...position.history, record] });
    return record;
  }

  /** Computes the batch again, with the same weights and the same drops, to find where it went wrong. */
  async #failure(batch: readonly LabelledImage[], loss: number, learningRate: number, drops: RandomState) {
    this.network.train(randomFromState(drops));
    const reading = (() => {
      using _ = scope();
      return firstNotFinite(this.network, this.#forward(batch).loss);
    })();
    return new Error(
      `training stopped: the loss is ${loss} at step ${this.step + 1}, learning rate ${learningRate.toPrecision(3)}; ` +
        `the first layer whose output is not finite is ${await reading}`,
    );
  }

  get position(): TrainingPosition {
    return { ...this.#position, random: this.#random.state() };
  }

  /** What must be kept to go on exactly, apart from the network's own weights and the position. */
  async state(): Promise<Map<string, NamedValues>> {
    const tensors = new Map<string, NamedValues>();
    for (const [name, values] of await this.optimizer.state()) tensors.set(`optimizer.${name}`, values);
    tensors.set('order', { shape: [this.#order.length], values: Float32Array.from(this.#order) });
    return tensors;
  }

  /** Goes on from where another trainer, with the same settings and images, stood. The network's weights are the caller's. */
  load(tensors: ReadonlyMap<string, NamedValues>, position: TrainingPosition, source: string): void {
    const order = tensors.get('order');
    if (order?.values.length !== this.#order.length)
      throw new Error(
        `${source}: was trained on ${order?.values.length ?? 'an unknown number of'} images, here are ${this.#order.length}`,
      );
    const remembered = [...tensors].filter(([name]) => name.startsWith('optimizer.'));
    this.optimizer.load(new Map(remembered.map(([name, values]) => [name.slice('optimizer.'.length), values])), source);
    const { random: state, ...rest } = position;
    this.#order = Uint32Array.from(order.values);
    this.#random = randomFromState(state);
    this.#position = { ...rest };
  }

  /** Frees what the optimiser and the average remember; the network is the caller's. */
  dispose(): void {
    this.optimizer.dispose();
    this.average?.dispose();
  }
}

function makeOptimizer(network: MiniResNet, { optimizer, learningRate, weightDecay }: TrainingSettings): Optimizer {
  const parameters = network.parameters();
  return optimizer === 'sgd'
    ? new Sgd(parameters, { learningRate, weightDecay, momentum: 0.9, nesterov: true })
    : new AdamW(parameters, { learningRate, weightDecay });
}

/** Fisher and Yates. */
function shuffle(order: Uint32Array, random: Random): void {
  for (let last = order.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [order[last], order[other]] = [order[other], order[last]];
  }
}
