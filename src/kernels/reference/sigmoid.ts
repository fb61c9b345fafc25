import type { ReferenceKernel } from './reference-kernel';

// y[i] = 1 / (1 + e^-x[i])
export const sigmoid: ReferenceKernel<'sigmoid'> = ({ inputs, outputs, attributes: { length } }, at) => {
  const x = at(inputs.input);
  const y = at(outputs.output);
  for (let i = 0; i < length; i++) y[i] = 1 / (1 + Math.exp(-x[i]));
};

// dX[i] = dY[i] * y[i] * (1 - y[i])
export const sigmoidGradient: ReferenceKernel<'sigmoidGradient'> = ({ inputs, outputs, attributes }, at) => {
  const y = at(inputs.output);
  const outputGradient = at(inputs.outputGradient);
  const inputGradient = at(outputs.output);
  for (let i = 0; i < attributes.length; i++) inputGradient[i] = outputGradient[i] * y[i] * (1 - y[i]);
};
