import type { Numbers } from '../kernels/backend';
import { combine } from '../tensor/ops/arithmetic';
import { slice } from '../tensor/ops/concat';
import { ShapeError } from '../tensor/shape';
import { Tensor } from '../tensor/tensor';
import { compile } from './compile';
import type { EmbeddingNetwork } from './embedding-network';
import { type PixelPreparation, type Pixels, preparedPixels, STANDARDIZED } from './prepared-pixels';

export interface LabelledImage {
  /** [height, width, channels], as the network's input: bytes, or 0 to 1. */
  pixels: Pixels;
  /** Whose it is, counted from 0. */
  label: number;
  /** What a teacher makes of it. */
  target?: Float32Array;
}

/** Images one after the other, each as the network takes it; without a preparation with mean 0 and deviation 1. */
export function stacked(images: readonly Pixels[], preparation: PixelPreparation = STANDARDIZED): Float32Array {
  const size = images[0]?.length ?? 0;
  const values = new Float32Array(images.length * size);
  for (const [index, pixels] of images.entries()) {
    if (pixels.length !== size) throw new ShapeError(`images of ${size} and of ${pixels.length} numbers in one batch`);
    values.set(preparedPixels(pixels, preparation), index * size);
  }
  return values;
}

/** [batch, height, width, channels] @throws ShapeError for images of another size */
export function imagesTensor(network: EmbeddingNetwork, values: Float32Array): Tensor {
  const { height, width, channels } = network.options.input;
  const count = values.length / (height * width * channels);
  expectImages(network, values, Math.max(1, Math.floor(count)));
  const [parameter] = network.parameters().values();
  return Tensor.from(parameter.backend, values, [count, height, width, channels]);
}

function expectImages(network: EmbeddingNetwork, values: Float32Array, count: number): void {
  const { height, width, channels } = network.options.input;
  if (values.length !== count * height * width * channels)
    throw new ShapeError(
      `${values.length} numbers are no whole images of ${height} x ${width} x ${channels}, which the network takes`,
    );
}

/** Images [height, width, channels], one or several one after the other, in which left becomes right. */
export function mirror(images: Float32Array, { width, channels }: { width: number; channels: number }): Float32Array {
  const mirrored = images.slice();
  for (let line = 0; line < images.length; line += width * channels)
    for (let x = 0; x < width; x++)
      for (let k = 0; k < channels; k++)
        mirrored[line + x * channels + k] = images[line + (width - 1 - x) * channels + k];
  return mirrored;
}

/**
 * Logits of images, each a mean of what the network says of the image and of its mirror image: a face is the same seen
 * from either side, and two looks err less than one.
 *
 * @param values [batch, height, width, channels], as the network takes them: see stacked()
 * @returns [batch, classes]
 */
export function logitsOfBothSides(network: EmbeddingNetwork, values: Float32Array): Tensor {
  const sides = new Float32Array(2 * values.length);
  sides.set(values);
  sides.set(mirror(values, network.options.input), values.length);
  return meanOfSides(network.forward(imagesTensor(network, sides)));
}

/** How many rows have their largest logit at the label. */
export function rightIn(logits: ArrayLike<number>, labels: readonly number[]): number {
  const classes = logits.length / labels.length;
  return labels.filter((label, row) => {
    const own = logits[row * classes + label];
    for (let other = 0; other < classes; other++)
      if (other !== label && !(logits[row * classes + other] < own)) return false;
    return true;
  }).length;
}

/**
 * Mean cross entropy and share of right answers over images that are not augmented, seen from both sides. NaN of none.
 * It runs an inference plan, which is several times as fast as the network's own forward pass.
 */
export async function evaluate(
  network: EmbeddingNetwork,
  images: readonly LabelledImage[],
  batchSize = 32,
): Promise<{ loss: number; accuracy: number }> {
  let lossSum = 0;
  let right = 0;
  for await (const { batch, rows } of lookAtBothSides(network, images, (both) => network.forward(both), batchSize)) {
    const labels = batch.map(({ label }) => label);
    lossSum += sumOfCrossEntropy(rows, labels);
    right += rightIn(rows, labels);
  }
  return { loss: lossSum / images.length, accuracy: right / images.length };
}

/**
 * How well a network does what its teacher does, from both sides: the mean of 1 - cos to the image's own target, and the
 * share of images whose own target is the nearest of all. NaN of none.
 */
export async function evaluateStudent(
  network: EmbeddingNetwork,
  images: readonly LabelledImage[],
  batchSize = 32,
): Promise<{ loss: number; accuracy: number }> {
  const targets = images.map(({ target }) => unit(target ?? []));
  let lossSum = 0;
  let right = 0;
  let seen = 0;
  for await (const { batch, rows } of lookAtBothSides(network, images, (both) => network.embed(both), batchSize)) {
    const length = rows.length / batch.length;
    for (let row = 0; row < batch.length; row++, seen++) {
      const embedding = unit(rows.subarray(row * length, (row + 1) * length));
      const cosines = targets.map((target) => target.reduce((total, value, k) => total + value * embedding[k], 0));
      lossSum += 1 - cosines[seen];
      if (cosines.every((cosine, other) => other === seen || cosine < cosines[seen])) right++;
    }
  }
  return { loss: lossSum / images.length, accuracy: right / images.length };
}

/** The mean of the embeddings of images and their mirror images. */
export async function meanEmbedding(
  network: EmbeddingNetwork,
  images: readonly LabelledImage[],
  batchSize = 32,
): Promise<Float64Array> {
  const mean = new Float64Array(network.options.embedding);
  for await (const { rows } of lookAtBothSides(network, images, (both) => network.embed(both), batchSize))
    for (let k = 0; k < rows.length; k++) mean[k % mean.length] += rows[k] / images.length;
  return mean;
}

function unit(vector: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(vector);
  const length = Math.max(Math.hypot(...values), 1e-12);
  return values.map((value) => value / length);
}

/** Batches of images, and for each image a row: the mean of what the network says of it and of its mirror image. */
async function* lookAtBothSides(
  network: EmbeddingNetwork,
  images: readonly LabelledImage[],
  forward: (both: Tensor) => Tensor,
  batchSize: number,
): AsyncGenerator<{ batch: readonly LabelledImage[]; rows: Numbers }> {
  network.evaluate();
  if (images.length === 0) return;
  const { height, width, channels } = network.options.input;
  const [{ backend }] = network.parameters().values();
  const count = Math.min(batchSize, images.length);
  const shape = [2 * count, height, width, channels];
  const plan = await compile(backend, (both) => [meanOfSides(forward(both))], shape);
  try {
    for (let first = 0; first < images.length; first += count) {
      const batch = images.slice(first, first + count);
      const values = stacked(
        batch.map(({ pixels }) => pixels),
        network.preparation,
      );
      expectImages(network, values, batch.length);
      backend.write(plan.input.slot, values); // a last batch that is not full leaves older images behind it
      backend.write(plan.input.slot, mirror(values, { width, channels }), plan.input.size / 2);
      const [output] = plan.run();
      yield { batch, rows: (await output.data()).subarray(0, (output.size / count) * batch.length) };
    }
  } finally {
    plan.dispose();
  }
}

/** The first half of the rows are images, the second their mirror images. [2 * batch, classes] -> [batch, classes] */
function meanOfSides(logits: Tensor): Tensor {
  const [rows] = logits.shape;
  return combine(slice(logits, 0, 0, rows / 2), 0.5, slice(logits, 0, rows / 2, rows / 2), 0.5);
}

/** The sum over rows of log(sum of e^z) - z[label]. */
function sumOfCrossEntropy(logits: ArrayLike<number>, labels: readonly number[]): number {
  const classes = logits.length / labels.length;
  return labels.reduce((sum, label, row) => {
    const own = Array.from({ length: classes }, (_, k) => logits[row * classes + k]);
    const largest = Math.max(...own);
    const exponentials = own.reduce((total, z) => total + Math.exp(z - largest), 0);
    return sum + Math.log(exponentials) + largest - own[label];
  }, 0);
}
