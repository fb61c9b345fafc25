import type { ReferenceKernel } from './reference-kernel';

// y[i] = 1 / (1 + e^-x[i])
export const sigmoid: ReferenceKernel<'sigmoid'> = ({ inputs, outputs, attributes: { length } }, at) => {
  const x = at(inputs.input);
  const y = at(outputs.output);
  for (let i = 0; i < length; i++) y[i] = 1 / (1 + Math.exp(-x[i]));
};
