import { noGradient } from '../tensor/autograd';
import { add, scale } from '../tensor/ops/arithmetic';
import { Tensor } from '../tensor/tensor';
import { CosineClassifier, cosines } from './cosine-classifier';
import { cosineDistillation, relationalDistillation } from './distillation';
import type { EmbeddingNetwork } from './embedding-network';
import { imagesTensor } from './evaluation';
import { arcFaceLogits, cosFaceLogits, crossEntropy, squaredDistances, type Triplet, tripletLoss } from './loss';
import type { TrainingSettings } from './training-settings';

/** What a step learns from. */
export interface StepBatch {
  pixels: Float32Array;
  labels: number[];
  /** The teacher's embeddings, one after the other. */
  targets?: Float32Array;
}

/** What a step's images came to, before the loss. */
export interface Forward {
  embeddings: Tensor;
  targets: Tensor | undefined;
  /** None where no names are learnt. */
  logits: Tensor | undefined;
  /** What counts as right or wrong: the cosines to the teacher's embeddings of the batch, or else the logits. */
  answers: Tensor;
  distances: Tensor | undefined;
}

export function forwardOf(
  network: EmbeddingNetwork,
  settings: TrainingSettings,
  { pixels, labels, targets: numbers }: StepBatch,
): Forward {
  const embeddings = network.embed(imagesTensor(network, pixels));
  const distances = settings.tripletWeight > 0 ? noGradient(() => squaredDistances(embeddings)) : undefined;
  const targets = numbers && Tensor.from(embeddings.backend, numbers, embeddings.shape);
  const logits = settings.identityWeight > 0 ? logitsOf(network, settings, embeddings, labels) : undefined;
  const answers = targets ? noGradient(() => cosines(embeddings, targets)) : logits;
  if (!answers) throw new Error('training: nothing is to be learnt');
  return { embeddings, targets, logits, answers, distances };
}

function logitsOf(
  network: EmbeddingNetwork,
  { loss, margin }: TrainingSettings,
  embeddings: Tensor,
  labels: readonly number[],
): Tensor {
  const { classifier } = network;
  if (!classifier) return network.classify(embeddings);
  if (loss === 'softmax' || !(classifier instanceof CosineClassifier)) return classifier.forward(embeddings);
  const options = { margin, scale: classifier.scale };
  return loss === 'arcface'
    ? arcFaceLogits(embeddings, classifier.weight, labels, options)
    : cosFaceLogits(cosines(embeddings, classifier.weight), labels, options);
}

/** All that is to be learnt, each part by its weight. */
export function lossOf(
  { embeddings, targets, logits }: Forward,
  labels: readonly number[],
  settings: TrainingSettings,
  triplets: readonly Triplet[] = [],
): Tensor {
  const { identityWeight, teacherWeight, relationWeight, tripletWeight } = settings;
  const parts: [loss: Tensor, weight: number][] = [];
  if (logits) parts.push([crossEntropy(logits, labels, settings), identityWeight]);
  if (targets && teacherWeight > 0) parts.push([cosineDistillation(embeddings, targets), teacherWeight]);
  if (targets && relationWeight > 0) parts.push([relationalDistillation(embeddings, targets), relationWeight]);
  if (triplets.length > 0) parts.push([tripletLoss(embeddings, triplets), tripletWeight]);
  return parts.map(([loss, weight]) => (weight === 1 ? loss : scale(loss, weight))).reduce((a, b) => add(a, b));
}
