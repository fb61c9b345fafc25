import { noGradient } from '../tensor/autograd';
import { combine } from '../tensor/ops/arithmetic';
import { scope } from '../tensor/scope';
import { ShapeError } from '../tensor/shape';
import { Tensor } from '../tensor/tensor';
import { crossEntropy } from './loss';
import type { MiniResNet } from './mini-resnet';

export interface LabelledImage {
  /** [height, width, channels], as the network's input, of any brightness and contrast: bytes, or 0 to 1. */
  pixels: Pixels;
  /** Whose it is, counted from 0. */
  label: number;
}

export type Pixels = Float32Array | Uint8Array;

/** An image with mean 0 and deviation 1: what networks are trained with, whatever the light was. */
export function standardized(pixels: Pixels): Float32Array {
  let sum = 0;
  for (const value of pixels) sum += value;
  const mean = sum / pixels.length;
  let squares = 0;
  for (const value of pixels) squares += (value - mean) ** 2;
  const deviation = Math.max(Math.sqrt(squares / pixels.length), 1e-6);
  const result = new Float32Array(pixels.length);
  for (let at = 0; at < pixels.length; at++) result[at] = (pixels[at] - mean) / deviation;
  return result;
}

/** Images one after the other, each brought to mean 0 and deviation 1. */
export function stacked(images: readonly Pixels[]): Float32Array {
  const size = images[0]?.length ?? 0;
  const values = new Float32Array(images.length * size);
  for (const [index, pixels] of images.entries()) {
    if (pixels.length !== size) throw new ShapeError(`images of ${size} and of ${pixels.length} numbers in one batch`);
    values.set(standardized(pixels), index * size);
  }
  return values;
}

/** [batch, height, width, channels] @throws ShapeError for images of another size */
export function imagesTensor(network: MiniResNet, values: Float32Array): Tensor {
  const { height, width, channels } = network.options.input;
  const size = height * width * channels;
  if (values.length === 0 || values.length % size !== 0)
    throw new ShapeError(
      `${values.length} numbers are no whole images of ${height} x ${width} x ${channels}, which the network takes`,
    );
  const [parameter] = network.parameters().values();
  return Tensor.from(parameter.backend, values, [values.length / size, height, width, channels]);
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
 * @param values [batch, height, width, channels], standardized
 * @returns [batch, classes]
 */
export function logitsOfBothSides(network: MiniResNet, values: Float32Array): Tensor {
  const [left, right] = [values, mirror(values, network.options.input)].map((side) =>
    network.forward(imagesTensor(network, side)),
  );
  return combine(left, 0.5, right, 0.5);
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

/** Mean cross entropy and share of right answers over images that are not augmented, seen from both sides. NaN of none. */
export async function evaluate(
  network: MiniResNet,
  images: readonly LabelledImage[],
  batchSize = 64,
): Promise<{ loss: number; accuracy: number }> {
  network.evaluate();
  let lossSum = 0;
  let right = 0;
  for (let first = 0; first < images.length; first += batchSize) {
    const batch = images.slice(first, first + batchSize);
    const labels = batch.map(({ label }) => label);
    const reading = noGradient(() => {
      using _ = scope();
      const logits = logitsOfBothSides(network, stacked(batch.map(({ pixels }) => pixels)));
      return Promise.all([crossEntropy(logits, labels).data(), logits.data()]);
    });
    const [[loss], logits] = await reading;
    lossSum += loss * batch.length;
    right += rightIn(logits, labels);
  }
  return { loss: lossSum / images.length, accuracy: right / images.length };
}
