import type { PrepareProgress } from '../kernels/backend';
import { gradients, noGradient } from '../tensor/autograd';
import { scale } from '../tensor/ops/arithmetic';
import { concat } from '../tensor/ops/concat';
import { sum } from '../tensor/ops/reduce';
import { stream } from '../tensor/random';
import type { NamedValues } from '../tensor/safetensors';
import { type Disposable, scope } from '../tensor/scope';
import type { Tensor } from '../tensor/tensor';
import { WeightAverage } from './average';
import { clipGradients } from './clip';
import { CosineClassifier } from './cosine-classifier';
import { firstNotFinite } from './diagnosis';
import type { EmbeddingNetwork } from './embedding-network';
import { evaluate, evaluateStudent, type LabelledImage, rightIn, stacked } from './evaluation';
import { countRight, semiHardTriplets } from './loss';
import { LossScale, type ScaleStart } from './loss-scale';
import { type LayerMemory, memoryByLayer } from './operations';
import type { Optimizer } from './optimizer';
import type { Sampler } from './sampler';
import { type Schedule, warmUp } from './schedule';
import { forwardOf, lossOf, type StepBatch } from './step-loss';
import { type StepResult, StepsAhead } from './steps-ahead';
import {
  makeOptimizer,
  makeSampler,
  makeSchedule,
  TRAINING_DEFAULTS,
  type TrainingSettings,
} from './training-settings';

/** The images that a network is trained on and tested with. */
export interface TrainingData {
  /** Whose each training image is, counted from 0. */
  labels: readonly number[];
  /**
   * The pixels of the training images of one step, [batch, height, width, channels], as the network takes them. Where they are varied at random, the step decides how: asked again it gives the same numbers. It is
   * called a step ahead, so that work done elsewhere is ready when it is needed.
   */
  batch(indices: readonly number[], step: number): Promise<Float32Array> | Float32Array;
  test: readonly LabelledImage[];
  /** What a teacher makes of each training image, as many numbers as an embedding has. */
  targets?: readonly Float32Array[];
}

/** Training images as they are, without variation; each brought to mean 0 and deviation 1. */
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
  /** In mixed precision: see LossScale. */
  lossScale?: readonly ScaleStart[];
}

/** A stream of random numbers of its own, for what is dropped out. */
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
 *
 * Steps are recorded and replayed. Where the device computes while the host goes on, they are made ahead of what is
 * known of them: the results come a few steps late, and several at once.
 */
export class Trainer {
  readonly network: EmbeddingNetwork;
  readonly settings: TrainingSettings;
  readonly optimizer: Optimizer;
  readonly average: WeightAverage | undefined;
  /** What the first step's forward pass took, layer by layer; none before it. */
  memory: readonly LayerMemory[] = [];
  /** Hears, before the first step of a run, of each of its kernels that is ready. */
  onPrepare: PrepareProgress | undefined;
  readonly #data: TrainingData;
  readonly #sampler: Sampler;
  readonly #schedule: Schedule;
  #upcoming: Batch | undefined;
  /** Of the steps whose results are known. */
  #position: TrainingPosition;
  /** In mixed precision. */
  #lossScale: LossScale | undefined;
  /** How many steps the weights have made: as many as the position says, or some more. */
  #made = 0;
  #ahead: StepsAhead | undefined;
  /** Steps that are known and that run() has not told of. */
  #untold: ToldStep[] = [];

  /** @throws Error in one sentence for data or settings that cannot be trained with */
  constructor(network: EmbeddingNetwork, data: TrainingData, settings: Partial<TrainingSettings> = {}) {
    this.network = network;
    this.settings = { ...TRAINING_DEFAULTS, ...settings };
    const { epochs, warmUpEpochs, loss, averageDecay, precision, tripletWeight } = this.settings;
    if (data.labels.length < 2) throw new Error(`training: ${data.labels.length} images are too few to learn from`);
    const { identityWeight, teacherWeight, relationWeight } = this.settings;
    const [{ length = 0 } = []] = data.targets ?? [];
    if (teacherWeight + relationWeight > 0 && length !== network.options.embedding)
      throw new Error(
        data.targets
          ? `training: the teacher's embeddings have ${length} numbers, the network's ${network.options.embedding}`
          : 'training: there is no teacher to learn from',
      );
    if (identityWeight + teacherWeight + relationWeight <= 0) throw new Error('training: nothing is to be learnt');
    if (identityWeight > 0 && !network.classifier)
      throw new Error('training: the network has no classifier, and cannot learn names');
    if (identityWeight > 0 && loss !== 'softmax' && !(network.classifier instanceof CosineClassifier))
      throw new Error(`training: the loss ${loss} needs a network whose classifier is 'cosine'`);
    if (precision === 'half') {
      if (tripletWeight > 0)
        throw new Error(
          'training: triplets are chosen by what a step computes, which mixed precision does not wait for',
        );
      const [{ backend }] = network.parameters().values();
      if (backend.halfRefusal !== undefined) throw new Error(backend.halfRefusal);
      this.#lossScale = new LossScale();
    }
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

  /** How many steps were made, as far as their results are known. */
  get step(): number {
    return this.#position.step;
  }

  get history(): readonly EpochRecord[] {
    return this.#position.history;
  }

  /** At the end of each epoch of the history. */
  get learningRates(): number[] {
    return this.history.map(({ epoch }) => this.#schedule(epoch * this.stepsPerEpoch - 1));
  }

  /** While run() is under way it may lag behind the weights: see settle(). */
  get position(): TrainingPosition {
    return { ...this.#position, ...(this.#lossScale && { lossScale: this.#lossScale.starts }) };
  }

  /**
   * Trains to the end, or until the signal: the steps in work are finished first, and run() called again goes on.
   *
   * @param until no more steps than this are made, counted from the start of the training
   * @throws Error naming the step, the learning rate and the first layer that failed when the loss is not finite; the
   *   weights are those of the step before
   */
  async *run(signal?: AbortSignal, until = this.steps): AsyncGenerator<TrainingProgress> {
    const started = { time: performance.now(), step: this.step };
    this.#untold = [];
    // Triplets are chosen by numbers in the midst of a step, which must be waited for.
    const ahead = this.settings.tripletWeight === 0 ? this.#openAhead() : undefined;
    this.#ahead = ahead;
    try {
      while (this.#made < until && !signal?.aborted) {
        if (ahead) await this.#goAhead(ahead, until, signal);
        else await this.#know(await this.#makeStep());
        yield* this.#tell(started);
      }
      await this.settle();
      yield* this.#tell(started);
      this.network.evaluate();
    } finally {
      try {
        await this.settle();
      } finally {
        this.#ahead = undefined;
        ahead?.dispose();
      }
    }
  }

  *#tell(started: { time: number; step: number }): Generator<TrainingProgress> {
    const { batchSize } = this.#sampler;
    for (let told = this.#untold.shift(); told; told = this.#untold.shift()) {
      const { step, loss, right, finished } = told;
      const secondsPerStep = (performance.now() - started.time) / 1000 / (this.step - started.step);
      yield {
        step,
        steps: this.steps,
        epoch: Math.ceil(step / this.stepsPerEpoch),
        epochs: this.settings.epochs,
        loss,
        accuracy: right / batchSize,
        learningRate: this.#schedule(step - 1),
        imagesPerSecond: batchSize / secondsPerStep,
        secondsLeft: (this.steps - step) * secondsPerStep,
        ...(finished && { finished }),
      };
    }
  }

  /** Takes a step's results into account; after the last of an epoch the network is evaluated. */
  async #know({ loss, right }: StepResult): Promise<void> {
    const position = this.#position;
    position.step++;
    position.lossSum += loss;
    position.right += right;
    const { step } = position;
    const finished = step % this.stepsPerEpoch === 0 ? await this.#finishEpoch(step / this.stepsPerEpoch) : undefined;
    this.#untold.push({ step, loss, right, ...(finished && { finished }) });
  }

  #openAhead(): StepsAhead {
    const { network, optimizer, average } = this;
    const named = [
      network.parameters(),
      network.buffers(),
      optimizer.tensors(),
      average?.tensors() ?? new Map<string, Tensor>(),
    ];
    const state = named.flatMap((tensors) => [...tensors.values()]);
    const { precision } = this.settings;
    return new StepsAhead(state[0].backend, state, { onProgress: this.onPrepare, precision });
  }

  /** Makes the next few steps, and meanwhile learns of those before them. An epoch's end is waited for. */
  async #goAhead(ahead: StepsAhead, until: number, signal: AbortSignal | undefined): Promise<void> {
    const epochEnd = (Math.floor(this.#made / this.stepsPerEpoch) + 1) * this.stepsPerEpoch;
    const last = Math.min(epochEnd, until);
    const end = Math.min(this.#made + ahead.window, last);
    while (this.#made < end && !signal?.aborted) await this.#recordStep(ahead);
    ahead.ask();
    const windows = this.#made === last || signal?.aborted ? 0 : ahead.windowsBehind;
    while (ahead.asked > windows) await this.#learn(ahead);
  }

  async #recordStep(ahead: StepsAhead): Promise<void> {
    const { network } = this;
    const step = this.#made;
    const batch = await this.#take(step);
    await ahead.make(step, () => {
      network.train(stream(this.settings.seed, DROPS, step));
      const forward = forwardOf(network, this.settings, batch);
      const loss = lossOf(forward, batch.labels, this.settings);
      if (this.memory.length === 0) this.memory = memoryByLayer(network, loss);
      const scale = this.#lossScale?.at(step) ?? 1;
      const slopes = this.#slopes(loss, scale);
      this.#update(slopes.clipped, step, scale);
      const right = countRight(forward.answers, batch.answers);
      return { loss, right, ...(this.#lossScale && { slopes: slopes.total() }) };
    });
    this.#made++;
  }

  /** Learns what the oldest steps under way came to. Where gradients were too large for halves, all are to be made again. */
  async #learn(ahead: StepsAhead): Promise<void> {
    const { first, results, restore } = await ahead.next();
    const tooLarge = this.#lossScale
      ? results.findIndex(({ loss, slopes = 0 }) => Number.isFinite(loss) && !Number.isFinite(slopes))
      : -1;
    if (tooLarge >= 0) {
      restore();
      this.optimizer.takeBack(this.#made - first);
      this.#made = first;
      this.#lossScale?.halve(first + tooLarge);
      return;
    }
    for (const result of results) {
      if (!Number.isFinite(result.loss)) {
        restore();
        await this.#makeAgain(first, result.loss, ahead);
      }
      await this.#know(result);
    }
  }

  /** From the weights before a step that is known to go well, up to the one that fails: in full it is made to say where. */
  async #makeAgain(first: number, loss: number, ahead: StepsAhead): Promise<never> {
    this.optimizer.takeBack(this.#made - first);
    this.#made = first;
    const what = `training stopped: the loss was ${loss} at step ${this.step + 1}`;
    if (this.#lossScale) {
      while (this.#made < this.step) await this.#recordStep(ahead);
      throw new Error(`${what}; where it began is said when it is trained in full precision`);
    }
    while (this.#made <= this.step) await this.#makeStep();
    throw new Error(`${what}, and was not when made again`);
  }

  /**
   * Waits until the results of all steps that were made are known: then weights and position are of one moment and can
   * be saved. Does nothing where steps are not made ahead.
   */
  async settle(): Promise<void> {
    while (this.#ahead && this.#ahead.asked > 0) await this.#learn(this.#ahead);
  }

  /** Leaves the weights as they are when the loss is not finite. */
  async #makeStep(): Promise<StepResult> {
    const { network } = this;
    const step = this.#made;
    const batch = await this.#take(step);
    network.train(stream(this.settings.seed, DROPS, step));

    const held: Disposable[] = [];
    try {
      const forward = detached(held, () => forwardOf(network, this.settings, batch));
      const { answers, distances } = forward;
      const triplets = distances ? semiHardTriplets(await distances.data(), batch.labels) : [];
      const { loss, slopes } = detached(held, () => {
        const loss = lossOf(forward, batch.labels, this.settings, triplets);
        return { loss, slopes: this.#slopes(loss).clipped };
      });
      if (this.memory.length === 0) this.memory = memoryByLayer(network, loss);
      const [[value], numbers] = await Promise.all([loss.data(), answers.data()]);
      if (!Number.isFinite(value))
        throw await failure(network, loss, { value, step: step + 1, learningRate: this.#schedule(step) });
      this.#update(slopes, step);
      this.#made++;
      return { loss: value, right: rightIn(numbers, batch.answers) };
    } finally {
      for (const tensors of held) tensors.dispose();
    }
  }

  /**
   * The gradients of all parameters, as many times too large as the loss is scaled; and their sum, which is not finite where
   * one of them is too large for 16 bits, or was made of what is.
   */
  #slopes(loss: Tensor, lossScale = 1): { clipped: Tensor[]; total(): Tensor } {
    const scaled = lossScale === 1 ? loss : scale(loss, lossScale);
    const all = gradients(scaled, [...this.optimizer.parameters.values()]);
    const { clip } = this.settings;
    return {
      clipped: clip > 0 ? clipGradients(all, clip * lossScale).gradients : all,
      total: () =>
        noGradient(() =>
          sum(
            concat(
              all.map((slopes) => slopes.reshape(slopes.size)),
              0,
            ),
          ),
        ),
    };
  }

  #update(slopes: Tensor[], step: number, lossScale = 1): void {
    this.optimizer.learningRate = this.#schedule(step);
    this.optimizer.step(slopes, lossScale);
    this.average?.update();
  }

  /** The batch of a step; the next one is being made ready meanwhile. */
  async #take(step: number): Promise<Batch & { pixels: Float32Array }> {
    const batch = this.#upcoming?.step === step ? this.#upcoming : this.#draw(step);
    const pixels = await batch.images;
    this.#upcoming = step + 1 < this.steps ? this.#draw(step + 1) : undefined;
    return { ...batch, pixels };
  }

  #draw(step: number): Batch {
    const indices = this.#sampler.batch(step);
    const images = Promise.resolve(this.#data.batch(indices, step));
    images.catch(() => {}); // reported when the step comes, if it comes
    const labels = indices.map((index) => this.#data.labels[index]);
    const { targets } = this.#data;
    if (!this.#learnsFromTeacher || !targets) return { step, images, labels, answers: labels };
    return {
      ...{ step, images, labels },
      answers: indices.map((_, place) => place),
      targets: Float32Array.from(indices.flatMap((index) => [...targets[index]])),
    };
  }

  get #learnsFromTeacher(): boolean {
    return this.settings.teacherWeight + this.settings.relationWeight > 0;
  }

  async #finishEpoch(epoch: number): Promise<EpochRecord> {
    const position = this.#position;
    this.average?.swap();
    const judge = this.#learnsFromTeacher ? evaluateStudent : evaluate;
    const { loss: testLoss, accuracy: testAccuracy } = await judge(this.network, this.#data.test);
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
    const { lossScale, ...rest } = position;
    this.#position = rest;
    if (this.#lossScale) this.#lossScale = new LossScale(lossScale);
    this.#made = position.step;
  }

  /** Frees what the optimiser and the average remember; the network is the caller's. */
  dispose(): void {
    this.optimizer.dispose();
    this.average?.dispose();
  }
}

/** A step that is known. */
interface ToldStep extends StepResult {
  /** Counted from 1. */
  step: number;
  finished?: EpochRecord;
}

interface Batch extends Omit<StepBatch, 'pixels'> {
  step: number;
  images: Promise<Float32Array>;
  /** The column of `Forward.answers` in which each row should be largest. */
  answers: number[];
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
  network: EmbeddingNetwork,
  loss: Tensor,
  { value, step, learningRate }: { value: number; step: number; learningRate: number },
): Promise<Error> {
  return new Error(
    `training stopped: the loss is ${value} at step ${step}, learning rate ${learningRate.toPrecision(3)}; ` +
      `the first layer whose output is not finite is ${await firstNotFinite(network, loss)}`,
  );
}
