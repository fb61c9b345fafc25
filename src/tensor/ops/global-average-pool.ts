import { gradientFor, outputOf } from '../operation';
import { differentiable } from '../record';
import { expectRank } from '../shape';
import type { Tensor } from '../tensor';

/**
 * The mean over all positions of an image, per channel.
 *
 * @param input [batch, height, width, channels]
 * @returns [batch, channels]
 */
export function globalAveragePool(input: Tensor): Tensor {
  expectRank('globalAveragePool', 'input', input.shape, 4, '[batch, height, width, channels]');
  const [batch, height, width, channels] = input.shape;
  const output = outputOf('globalAveragePool', [input], [batch, channels]);
  const attributes = { batch, positions: height * width, channels };
  output.backend.run({
    kernel: 'globalAveragePool',
    inputs: { input: input.slot },
    outputs: { output: output.slot },
    attributes,
  });
  // Every X[n,position,c] enters Y[n,c] with weight 1 / positions: dX[n,position,c] = dY[n,c] / positions.
  return differentiable(output, [input], (dOutput) => [
    gradientFor(input, (dInput) => ({
      kernel: 'globalAveragePoolGradient',
      inputs: { outputGradient: dOutput.slot },
      outputs: { output: dInput },
      attributes,
    })),
  ]);
}
