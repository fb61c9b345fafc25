import { outputOf } from '../operation';
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
  output.backend.run({
    kernel: 'globalAveragePool',
    inputs: { input: input.slot },
    outputs: { output: output.slot },
    attributes: { batch, positions: height * width, channels },
  });
  return output;
}
