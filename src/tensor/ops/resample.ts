import { outputOf } from '../operation';
import { differentiable } from '../record';
import { expectRank, formatShape, ShapeError } from '../shape';
import type { Tensor } from '../tensor';

/**
 * Bilinear resize with half-pixel centres, edges repeated. It looks at four pixels however far apart the samples
 * are: shrink by averaging first where the factor is above 2. Prepares images, so it has no gradient: asking for one
 * throws.
 *
 * @param input [batch, height, width, channels]
 * @returns [batch, outHeight, outWidth, channels]
 */
export function resizeBilinear(input: Tensor, outHeight: number, outWidth: number): Tensor {
  expectRank('resizeBilinear', 'input', input.shape, 4, '[batch, height, width, channels]');
  const [batch, height, width, channels] = input.shape;
  const output = outputOf('resizeBilinear', [input], [batch, outHeight, outWidth, channels]);
  output.backend.run({
    kernel: 'resizeBilinear',
    inputs: { input: input.slot },
    outputs: { output: output.slot },
    attributes: { batch, height, width, channels, outHeight, outWidth },
  });
  return differentiable(output, [input], () => [undefined]);
}

/**
 * Bilinear samples of one image through 2x3 matrices that lead from the output to the image: pixel (row i, column j)
 * of output n looks at x = m0*j + m1*i + m2, y = m3*j + m4*i + m5 (pixel centres are whole numbers). Outside is zero.
 * Prepares images, so it has no gradient: asking for one throws.
 *
 * @param image    [1, height, width, channels]
 * @param matrices [count, 6]
 * @returns [count, outHeight, outWidth, channels]
 */
export function affineWarp(image: Tensor, matrices: Tensor, outHeight: number, outWidth: number): Tensor {
  expectRank('affineWarp', 'image', image.shape, 4, '[1, height, width, channels]');
  if (image.shape[0] !== 1)
    throw new ShapeError(`affineWarp: image ${formatShape(image.shape)} is a batch of ${image.shape[0]}, expected one`);
  if (matrices.shape.length !== 2 || matrices.shape[1] !== 6)
    throw new ShapeError(`affineWarp: matrices ${formatShape(matrices.shape)}, expected [count,6]`);
  const [, height, width, channels] = image.shape;
  const batch = matrices.shape[0];
  const output = outputOf('affineWarp', [image, matrices], [batch, outHeight, outWidth, channels]);
  output.backend.run({
    kernel: 'affineWarp',
    inputs: { image: image.slot, matrices: matrices.slot },
    outputs: { output: output.slot },
    attributes: { batch, height, width, channels, outHeight, outWidth },
  });
  return differentiable(output, [image, matrices], () => [undefined, undefined]);
}
