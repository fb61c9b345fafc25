import type { Precision } from '../kernels/backend';
import { stream } from '../tensor/random';
import type { Module } from './module';
import { AdamW, type Optimizer, Sgd } from './optimizer';
import { balancedBatches, type Sampler, shuffledBatches } from './sampler';
import { cosine, type Schedule, steps } from './schedule';

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
  /** What telling the people apart is worth; 0 for a network that learns from a teacher alone and names nobody. */
  identityWeight: number;
  /** What the cosine to a teacher's embedding of the image is worth; it needs targets. */
  teacherWeight: number;
  /** What the cosines between the images of a batch, as the teacher has them, are worth; it needs targets. */
  relationWeight: number;
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
  /** 'half' for mixed precision (see RecordedStep), on a GPU that has halves. */
  precision: Precision;
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
  identityWeight: 1,
  teacherWeight: 0,
  relationWeight: 0,
  loss: 'softmax',
  margin: 0.3,
  tripletWeight: 0,
  smoothing: 0.1,
  clip: 0,
  precision: 'full',
  averageDecay: 0,
};

/** A stream of random numbers of its own, for the order of images. */
const ORDER = 1;

/** @throws Error in one sentence for settings that these labels cannot be sampled with */
export function makeSampler(
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

export const makeSchedule = ({ schedule, learningRate }: TrainingSettings, length: number): Schedule =>
  schedule === 'cosine'
    ? cosine(learningRate, length)
    : steps(learningRate, [Math.round(length / 2), Math.round(0.75 * length)]);

export function makeOptimizer(network: Module, { optimizer, learningRate, weightDecay }: TrainingSettings): Optimizer {
  const parameters = network.parameters();
  return optimizer === 'sgd'
    ? new Sgd(parameters, { learningRate, weightDecay, momentum: 0.9, nesterov: true })
    : new AdamW(parameters, { learningRate, weightDecay });
}
