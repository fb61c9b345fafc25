import { noGradient } from '../tensor/autograd';
import { relu } from '../tensor/ops/activations';
import { add, combine, multiply, scale } from '../tensor/ops/arithmetic';
import { softmaxCrossEntropy } from '../tensor/ops/cross-entropy';
import { matmul } from '../tensor/ops/matmul';
import { mean, sum } from '../tensor/ops/reduce';
import { rightAnswers } from '../tensor/ops/right-answers';
import { l2Normalize } from '../tensor/ops/rows';
import { ShapeError } from '../tensor/shape';
import { Tensor } from '../tensor/tensor';

/** The class of each row, counted from 0. */
export type Labels = ArrayLike<number>;

export interface CrossEntropyOptions {
  /** The share of the target that is spread over all classes (Szegedy et al. 2016, section 7). */
  smoothing?: number;
}

/**
 * The mean over the batch of -log softmax(logits)[label].
 *
 * @param logits [batch, classes]
 * @returns a single number
 * @throws Error for a label that is no class
 */
export function crossEntropy(logits: Tensor, labels: Labels, { smoothing = 0 }: CrossEntropyOptions = {}): Tensor {
  expectLabels('cross entropy', labels, logits.shape[0], logits.shape[1]);
  return softmaxCrossEntropy(logits, Tensor.from(logits.backend, labels), { smoothing });
}

/**
 * How many rows have their largest logit at the label, counted on the device: a single number, without a gradient.
 *
 * @param logits [batch, classes]
 * @throws Error for a label that is no class
 */
export function countRight(logits: Tensor, labels: Labels): Tensor {
  expectLabels('right answers', labels, logits.shape[0], logits.shape[1]);
  return noGradient(() => sum(rightAnswers(logits, Tensor.from(logits.backend, labels))));
}

export interface MarginOptions {
  /** The length that embeddings and centres are given: how steep the softmax is. */
  scale?: number;
  margin?: number;
}

/**
 * Logits with CosFace's margin (Wang et al. 2018): scale * cos of every angle, that of the right class made smaller by
 * the margin.
 *
 * @param cosines [batch, classes], as `cosines(embeddings, centres)` gives them
 * @returns [batch, classes], for crossEntropy()
 */
export function cosFaceLogits(cosines: Tensor, labels: Labels, options: MarginOptions = {}): Tensor {
  const { scale: steepness = 64, margin = 0.35 } = options;
  const target = oneHot('CosFace', labels, cosines);
  return scale(combine(cosines, 1, target, -margin), steepness);
}

export interface ArcFaceOptions extends MarginOptions {
  /** Margin only for angles below 90 degrees, and none beyond. */
  easy?: boolean;
}

/**
 * Logits with ArcFace's margin (Deng et al. 2019): cos(angle + margin) in place of cos(angle) for the right class.
 *
 * It is put together from operations that have gradients. With the unit embedding u, the unit centre w of its class,
 * t = u.w = cos(angle) and o = u - t w, what of u is orthogonal to w: |o| = sin(angle) = u.(o/|o|), and so
 *   cos(angle + margin) = t cos(margin) - sin(margin) u.(o/|o|).
 * No 1 / sin(angle) comes in, on which sqrt(1 - t^2) would fail at small angles; at angle 0 the gradient through o is 0.
 *
 * Beyond angle = pi - margin, where cos(angle + margin) would grow again, the right class has t - margin sin(margin)
 * instead, as in the authors' code: still smaller than t, and it still pulls. `easy` is their easy margin.
 *
 * @param embeddings [batch, length]
 * @param centres    [classes, length]
 * @returns [batch, classes], for crossEntropy()
 */
export function arcFaceLogits(
  embeddings: Tensor,
  centres: Tensor,
  labels: Labels,
  { scale: steepness = 64, margin = 0.5, easy = false }: ArcFaceOptions = {},
): Tensor {
  const [units, directions] = [l2Normalize(embeddings), l2Normalize(centres)];
  const cosines = matmul(units, directions, undefined, { transposeRight: true });
  const target = oneHot('ArcFace', labels, cosines);
  const own = multiply(cosines, target); // t in the column of the label, zero elsewhere
  const t = rowSums(own);
  const orthogonal = combine(units, 1, matmul(own, directions), -1);
  const sine = rowSums(multiply(units, l2Normalize(orthogonal)));
  const change = combine(t, Math.cos(margin) - 1, sine, -Math.sin(margin)); // cos(angle + margin) - t

  const near = noGradient(() => whereAbove(t, easy ? 0 : -Math.cos(margin)));
  const far = noGradient(() =>
    scale(near, easy ? 0 : margin * Math.sin(margin), easy ? 0 : -margin * Math.sin(margin)),
  );
  const changes = add(multiply(change, near), far);
  return scale(add(cosines, multiply(acrossColumns(changes, cosines.shape[1]), target)), steepness);
}

/** Rows of a batch: two images of one person, and one of another person. */
export interface Triplet {
  anchor: number;
  positive: number;
  negative: number;
}

/**
 * Semi-hard triplets (Schroff et al. 2015, FaceNet, section 3.2): for every pair of one person, the nearest other
 * person who is farther than the positive, but by less than the margin. Where all others are nearer than the positive
 * the farthest of them is taken; where all are farther by the margin, the pair has nothing to learn.
 *
 * @param distances [batch * batch] squared distances, as `squaredDistances()` gives them, read to the host
 */
export function semiHardTriplets(distances: ArrayLike<number>, labels: Labels, margin = 0.2): Triplet[] {
  const batch = labels.length;
  const triplets: Triplet[] = [];
  for (let anchor = 0; anchor < batch; anchor++) {
    const away = (other: number) => distances[anchor * batch + other];
    const others = Array.from({ length: batch }, (_, index) => index)
      .filter((index) => labels[index] !== labels[anchor])
      .sort((a, b) => away(a) - away(b));
    if (others.length === 0) continue;
    for (let positive = 0; positive < batch; positive++) {
      if (positive === anchor || labels[positive] !== labels[anchor]) continue;
      const negative = others.find((other) => away(other) > away(positive)) ?? others[others.length - 1];
      if (away(negative) < away(positive) + margin) triplets.push({ anchor, positive, negative });
    }
  }
  return triplets;
}

/**
 * |a - b|^2 = 2 - 2 a.b between all unit vectors. [batch, length] -> [batch, batch]
 */
export function squaredDistances(embeddings: Tensor): Tensor {
  const units = l2Normalize(embeddings);
  return scale(matmul(units, units, undefined, { transposeRight: true }), -2, 2);
}

/**
 * The mean over triplets of max(0, |a - p|^2 - |a - n|^2 + margin), on normalised embeddings (Schroff et al. 2015):
 *
 *     const distances = await noGradient(() => squaredDistances(embeddings)).data();
 *     const loss = tripletLoss(embeddings, semiHardTriplets(distances, labels));
 *
 * @param embeddings [batch, length], of any length
 * @param triplets at least one
 */
export function tripletLoss(embeddings: Tensor, triplets: readonly Triplet[], margin = 0.2): Tensor {
  if (triplets.length === 0) throw new Error('triplet loss: there is no triplet to learn from');
  const batch = embeddings.shape[0];
  const units = l2Normalize(embeddings);
  // With unit vectors |a - p|^2 - |a - n|^2 = 2 a.n - 2 a.p = 2 a.(n - p): each row of the selections picks a, and n - p.
  const select = (weigh: (row: Float32Array, triplet: Triplet) => void) => {
    const rows = new Float32Array(triplets.length * batch);
    for (const [index, triplet] of triplets.entries())
      weigh(rows.subarray(index * batch, (index + 1) * batch), triplet);
    return matmul(Tensor.from(units.backend, rows, [triplets.length, batch]), units);
  };
  const anchors = select((row, { anchor }) => {
    row[anchor] = 1;
  });
  const differences = select((row, { positive, negative }) => {
    row[negative] = 1;
    row[positive] = -1;
  });
  return mean(relu(scale(rowSums(multiply(anchors, differences)), 2, margin)));
}

/** 1 in the column of each row's label, 0 elsewhere: [batch, classes], like the logits. */
function oneHot(name: string, labels: Labels, { backend, shape }: Tensor): Tensor {
  const [batch, classes] = shape;
  expectLabels(name, labels, batch, classes);
  const values = new Float32Array(batch * classes);
  for (let row = 0; row < batch; row++) values[row * classes + labels[row]] = 1;
  return Tensor.from(backend, values, shape);
}

function expectLabels(name: string, labels: Labels, batch: number, classes: number): void {
  if (labels.length !== batch) throw new ShapeError(`${name}: ${labels.length} labels for ${batch} rows`);
  for (const label of Array.from(labels))
    if (!Number.isInteger(label) || label < 0 || label >= classes)
      throw new Error(`${name}: label ${label} is none of ${classes} classes (0 to ${classes - 1})`);
}

const ones = ({ backend }: Tensor, shape: [number, number]) =>
  Tensor.from(backend, new Float32Array(shape[0] * shape[1]).fill(1), shape);

/** [rows, columns] -> [rows, 1] */
const rowSums = (input: Tensor) => matmul(input, ones(input, [input.shape[1], 1]));

/** [rows, 1] -> [rows, columns], the same number all along a row. */
const acrossColumns = (column: Tensor, columns: number) => matmul(column, ones(column, [1, columns]));

/** 1 where a number is above the threshold, else 0. [rows, 1]: a row's only number divided by its length. */
const whereAbove = (column: Tensor, threshold: number) => l2Normalize(relu(scale(column, 1, -threshold)));
