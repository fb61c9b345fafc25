import { gradientFor, outputOf } from '../operation';
import { differentiable } from '../record';
import { expectRank, formatShape, ShapeError } from '../shape';
import type { Tensor } from '../tensor';

/** How many zeros on each side, in pixels, and how many channels of zeros after the last. */
export interface PadOptions {
  top?: number;
  bottom?: number;
  left?: number;
  right?: number;
  channels?: number;
}

/**
 * Zeros around an image, and channels of zeros after its own.
 *
 * @param input [batch, height, width, channels]
 * @returns [batch, top + height + bottom, left + width + right, channels + more]
 * @throws ShapeError when an amount is negative or not whole
 */
export function pad(input: Tensor, options: PadOptions): Tensor {
  const { top = 0, bottom = 0, left = 0, right = 0, channels: more = 0 } = options;
  expectRank('pad', 'input', input.shape, 4, '[batch, height, width, channels]');
  for (const amount of [top, bottom, left, right, more])
    if (!Number.isInteger(amount) || amount < 0)
      throw new ShapeError(`pad: cannot pad ${formatShape(input.shape)} by ${amount}`);
  const [batch, height, width, channels] = input.shape;
  const shape = [batch, top + height + bottom, left + width + right, channels + more];
  const output = outputOf('pad', [input], shape);
  const attributes = {
    batch,
    height,
    width,
    channels,
    outHeight: shape[1],
    outWidth: shape[2],
    outChannels: shape[3],
    top,
    left,
  };
  output.backend.run({
    kernel: 'pad',
    inputs: { input: input.slot },
    outputs: { output: output.slot },
    attributes,
  });
  // Y[n, i+top, j+left, c] = X[n,i,j,c], so dX[n,i,j,c] = dY[n, i+top, j+left, c]: the zeros around are cut off again.
  return differentiable(output, [input], (dOutput) => [
    gradientFor(input, (dInput) => ({
      kernel: 'crop',
      inputs: { input: dOutput.slot },
      outputs: { output: dInput },
      attributes,
    })),
  ]);
}
