import { LINEAR } from '../../kernels/kernel';
import { gradientFor, outputOf } from '../operation';
import { differentiable } from '../record';
import { expectChannels } from '../shape';
import { Tensor } from '../tensor';
import { concat } from './concat';

/** Each a vector [channels]. */
export interface BatchNormStatistics {
  mean: Tensor;
  variance: Tensor;
  gamma: Tensor;
  beta: Tensor;
}

/**
 * Batch normalisation as it is at inference, with statistics that are known (Ioffe and Szegedy 2015, section 3.1):
 * y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, per channel. Mean and variance are constants to it.
 *
 * @param input [..., channels]
 * @returns the same shape
 * @throws ShapeError when a vector does not have one number a channel
 */
export function batchNorm(input: Tensor, statistics: BatchNormStatistics, epsilon = 1e-5): Tensor {
  const { mean, variance, gamma, beta } = statistics;
  for (const [role, vector] of Object.entries({ mean, variance, gamma, beta }))
    expectChannels('batchNorm', role, vector.shape, input.shape);
  const attributes = { length: input.size, channels: mean.size, epsilon };
  const output = outputOf('batchNorm', [input, mean, variance, gamma, beta], input.shape);
  output.backend.run({
    kernel: 'batchNorm',
    inputs: { input: input.slot, mean: mean.slot, variance: variance.slot, gamma: gamma.slot, beta: beta.slot },
    outputs: { output: output.slot },
    attributes,
  });
  // With mean and variance fixed it is a scale and a shift:
  //   dX[r,c] = dY[r,c] / sqrt(variance[c] + epsilon) * gamma[c], which is batch norm of dY with mean and beta 0
  //   dGamma[c] = sum over r of dY[r,c] * xhat[r,c];   dBeta[c] = sum over r of dY[r,c]
  return differentiable(output, [input, gamma, beta, mean, variance], (dOutput) => {
    const zeros = Tensor.from(output.backend, new Float32Array(mean.size));
    const dInput = batchNorm(dOutput, { mean: zeros, variance, gamma, beta: zeros }, epsilon);
    if (!gamma.requiresGradient && !beta.requiresGradient) return [dInput];
    const moments = concat([mean, variance], 0).reshape(2, mean.size);
    const { dBeta, dGamma } = sums(input, dOutput, moments, epsilon);
    return [dInput, dGamma, dBeta];
  });
}

/**
 * Batch normalisation as it is in training (the same paper, section 3): with the batch's own mean and variance, per
 * channel over all rows, the variance divided by their count.
 *
 * @param input [..., channels]
 * @param gamma [channels]
 * @param beta  [channels]
 * @returns the input's shape; and the moments [2, channels], mean and variance, of which running averages are
 *          kept: they are handed out as constants, without a gradient
 * @throws ShapeError when a vector does not have one number a channel
 */
export function batchNormTraining(
  input: Tensor,
  gamma: Tensor,
  beta: Tensor,
  epsilon = 1e-5,
): { output: Tensor; moments: Tensor } {
  expectChannels('batchNormTraining', 'gamma', gamma.shape, input.shape);
  expectChannels('batchNormTraining', 'beta', beta.shape, input.shape);
  const channels = gamma.size;
  const attributes = { length: input.size, channels, epsilon, activation: LINEAR };
  const moments = outputOf('batchNormTraining', [input, gamma, beta], [2, channels]);
  moments.backend.run({
    kernel: 'channelMoments',
    inputs: { input: input.slot },
    outputs: { output: moments.slot },
    attributes: { length: input.size, channels },
  });
  const output = outputOf('batchNormTraining', [input, gamma, beta], input.shape);
  output.backend.run({
    kernel: 'batchNormTraining',
    inputs: { input: input.slot, moments: moments.slot, gamma: gamma.slot, beta: beta.slot },
    outputs: { output: output.slot },
    attributes,
  });
  // Per channel, over the rows r, R of them: Y[r] = xhat[r] * gamma + beta with xhat[r] = (X[r] - mean) / s and
  // s = sqrt(variance + epsilon). As above, dBeta = sum of dY[r] and dGamma = sum of dY[r] * xhat[r].
  // X[r] moves every xhat[k], for it is part of the mean and of the variance: by X[r], the mean has derivative 1 / R
  // and the variance 2 (X[r] - mean) / R, so s has xhat[r] / R, and
  //   d xhat[k] / d X[r] = ([k = r] - 1 / R - xhat[k] * xhat[r] / R) / s
  // Summed over k with weights dY[k] * gamma:
  //   dX[r] = gamma / s * (dY[r] - dBeta / R - xhat[r] * dGamma / R)
  // No part of dX shifts or stretches the whole batch: the norm would undo it.
  differentiable(output, [input, gamma, beta], (dOutput) => {
    const { dBeta, dGamma } = sums(input, dOutput, moments, epsilon);
    const dInput = gradientFor(input, (slot) => ({
      kernel: 'batchNormInputGradient',
      inputs: {
        input: input.slot,
        outputGradient: dOutput.slot,
        moments: moments.slot,
        gamma: gamma.slot,
        betaGradient: dBeta.slot,
        gammaGradient: dGamma.slot,
      },
      outputs: { output: slot },
      attributes,
    }));
    return [dInput, dGamma, dBeta];
  });
  return { output, moments };
}

/** [channels] each: sums over the rows of dY and of dY * xhat. */
function sums(input: Tensor, dOutput: Tensor, moments: Tensor, epsilon: number): { dBeta: Tensor; dGamma: Tensor } {
  const [, channels] = moments.shape;
  const dBeta = outputOf('batchNormSums', [input, dOutput, moments], [channels]);
  const dGamma = outputOf('batchNormSums', [input, dOutput, moments], [channels]);
  dBeta.backend.run({
    kernel: 'batchNormSums',
    inputs: { input: input.slot, outputGradient: dOutput.slot, moments: moments.slot },
    outputs: { betaGradient: dBeta.slot, gammaGradient: dGamma.slot },
    attributes: { length: input.size, channels, epsilon, activation: LINEAR },
  });
  return { dBeta, dGamma };
}
