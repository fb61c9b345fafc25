import { outputOf } from '../operation';
import { expectChannels } from '../shape';
import type { Tensor } from '../tensor';

/** Each a vector [channels]. */
export interface BatchNormStatistics {
  mean: Tensor;
  variance: Tensor;
  gamma: Tensor;
  beta: Tensor;
}

/**
 * Batch normalisation as it is at inference, with statistics that are known (Ioffe and Szegedy 2015, section 3.1):
 * y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, per channel.
 *
 * @param input [..., channels]
 * @returns the same shape
 * @throws ShapeError when a vector does not have one number a channel
 */
export function batchNorm(input: Tensor, statistics: BatchNormStatistics, epsilon = 1e-5): Tensor {
  const { mean, variance, gamma, beta } = statistics;
  for (const [role, vector] of Object.entries({ mean, variance, gamma, beta }))
    expectChannels('batchNorm', role, vector.shape, input.shape);
  const output = outputOf('batchNorm', [input, mean, variance, gamma, beta], input.shape);
  output.backend.run({
    kernel: 'batchNorm',
    inputs: { input: input.slot, mean: mean.slot, variance: variance.slot, gamma: gamma.slot, beta: beta.slot },
    outputs: { output: output.slot },
    attributes: { length: input.size, channels: mean.size, epsilon },
  });
  return output;
}
