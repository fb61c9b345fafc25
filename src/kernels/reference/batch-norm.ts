import type { Activation, Slot } from '../kernel';
import { activate, derivative } from './activation';
import type { ReferenceKernel } from './reference-kernel';

// y[i] = (x[i] - mean[c]) / sqrt(variance[c] + epsilon) * gamma[c] + beta[c]     (Ioffe and Szegedy 2015, section 3.1)
export const batchNorm: ReferenceKernel<'batchNorm'> = ({ inputs, outputs, attributes }, at) => {
  const { length, channels, epsilon } = attributes;
  const x = at(inputs.input);
  const mean = at(inputs.mean);
  const variance = at(inputs.variance);
  const gamma = at(inputs.gamma);
  const beta = at(inputs.beta);
  const y = at(outputs.output);
  for (let i = 0; i < length; i++) {
    const c = i % channels;
    y[i] = ((x[i] - mean[c]) / Math.sqrt(variance[c] + epsilon)) * gamma[c] + beta[c];
  }
};

// mean[c] = (1 / rows) * sum over r of x[r,c];   variance[c] = (1 / rows) * sum over r of (x[r,c] - mean[c])^2
export const channelMoments: ReferenceKernel<'channelMoments'> = ({ inputs, outputs, attributes }, at) => {
  const { length, channels } = attributes;
  const rows = length / channels;
  const x = at(inputs.input);
  const moments = at(outputs.output).fill(0);
  const mean = moments.subarray(0, channels);
  const variance = moments.subarray(channels);
  for (let i = 0; i < length; i++) mean[i % channels] += x[i] / rows;
  for (let i = 0; i < length; i++) variance[i % channels] += (x[i] - mean[i % channels]) ** 2 / rows;
};

// xhat[i] = (x[i] - mean[c]) / sqrt(variance[c] + epsilon)
const normalized = (x: Float64Array, moments: Float64Array, channels: number, epsilon: number) => (i: number) =>
  (x[i] - moments[i % channels]) / Math.sqrt(moments[channels + (i % channels)] + epsilon);

// y[i] = f(xhat[i] * gamma[c] + beta[c] + residual[i])
export const batchNormTraining: ReferenceKernel<'batchNormTraining'> = ({ inputs, outputs, attributes }, at) => {
  const { length, channels, epsilon, activation } = attributes;
  const xhat = normalized(at(inputs.input), at(inputs.moments), channels, epsilon);
  const gamma = at(inputs.gamma);
  const beta = at(inputs.beta);
  const residual = inputs.residual && at(inputs.residual);
  const y = at(outputs.output);
  for (let i = 0; i < length; i++) {
    const z = xhat(i) * gamma[i % channels] + beta[i % channels] + (residual ? residual[i] : 0);
    y[i] = activate(z, activation);
  }
};

interface MaskedGradient {
  outputGradient: Slot;
  activated?: Slot | undefined;
}

// dY[i], or dY[i] * f'(z[i]) where y = f(z) is given
function maskedGradient(inputs: MaskedGradient, activation: Activation, at: (slot: Slot) => Float64Array) {
  const outputGradient = at(inputs.outputGradient);
  const activated = inputs.activated && at(inputs.activated);
  return (i: number) => outputGradient[i] * (activated ? derivative(activated[i], activation) : 1);
}

// dBeta[c] = sum over r of dY[r,c];   dGamma[c] = sum over r of dY[r,c] * xhat[r,c]
export const batchNormSums: ReferenceKernel<'batchNormSums'> = ({ inputs, outputs, attributes }, at) => {
  const { length, channels, epsilon, activation } = attributes;
  const xhat = normalized(at(inputs.input), at(inputs.moments), channels, epsilon);
  const outputGradient = maskedGradient(inputs, activation, at);
  const betaGradient = at(outputs.betaGradient).fill(0);
  const gammaGradient = at(outputs.gammaGradient).fill(0);
  for (let i = 0; i < length; i++) {
    betaGradient[i % channels] += outputGradient(i);
    gammaGradient[i % channels] += outputGradient(i) * xhat(i);
  }
};

// dX[r,c] = gamma[c] / sqrt(variance[c] + epsilon) * (dY[r,c] - dBeta[c] / rows - xhat[r,c] * dGamma[c] / rows)
export const batchNormInputGradient: ReferenceKernel<'batchNormInputGradient'> = (
  { inputs, outputs, attributes },
  at,
) => {
  const { length, channels, epsilon, activation } = attributes;
  const rows = length / channels;
  const moments = at(inputs.moments);
  const xhat = normalized(at(inputs.input), moments, channels, epsilon);
  const outputGradient = maskedGradient(inputs, activation, at);
  const gamma = at(inputs.gamma);
  const betaGradient = at(inputs.betaGradient);
  const gammaGradient = at(inputs.gammaGradient);
  const inputGradient = at(outputs.output);
  for (let i = 0; i < length; i++) {
    const c = i % channels;
    inputGradient[i] =
      (gamma[c] / Math.sqrt(moments[channels + c] + epsilon)) *
      (outputGradient(i) - betaGradient[c] / rows - (xhat(i) * gammaGradient[c]) / rows);
  }
};
