import { noGradient } from '../tensor/autograd';
import { scope } from '../tensor/scope';
import { ShapeError } from '../tensor/shape';
import { Tensor } from '../tensor/tensor';
import { crossEntropy } from './loss';
import type { MiniResNet } from './mini-resnet';

export interface LabelledImage {
  /** [height, width, channels], as the network's input. */
  pixels: Float32Array;
  label: number;
}

/** An image with mean 0 and deviation 1: what networks are trained with, whatever the light was. */
export function standardized(pixels: Float32Array): Float32Array {
  let sum = 0;
  for (const value of pixels) sum += value;
  const mean = sum / pixels.length;
  let squares = 0;
  for (const value of pixels) squares += (value - mean) ** 2;
  const deviation = Math.sqrt(squares / pixels.length);
  return pixels.map((value) => (value - mean) / Math.max(deviation, 1e-6));
}

/** [batch, height, width, channels] @throws ShapeError for an image of another size */
export function imagesTensor(network: MiniResNet, images: readonly { pixels: Float32Array }[]): Tensor {
  const { height, width, channels } = network.options.input;
  const size = height * width * channels;
  const values = new Float32Array(images.length * size);
  for (const [index, { pixels }] of images.entries()) {
    if (pixels.length !== size)
      throw new ShapeError(
        `an image of ${pixels.length} numbers is not ${height} x ${width} x ${channels}, which the network takes`,
      );
    values.set(pixels, index * size);
  }
  const [parameter] = network.parameters().values();
  return Tensor.from(parameter.backend, values, [images.length, height, width, channels]);
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

/** Mean cross entropy and share of right answers over images that are not augmented. NaN of none. */
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
      const inputs = batch.map(({ pixels }) => ({ pixels: standardized(pixels) }));
      const logits = network.forward(imagesTensor(network, inputs));
      return Promise.all([crossEntropy(logits, labels).data(), logits.data()]);
    });
    const [[loss], logits] = await reading;
    lossSum += loss * batch.length;
    right += rightIn(logits, labels);
  }
  return { loss: lossSum / images.length, accuracy: right / images.length };
}
