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
