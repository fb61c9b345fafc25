import type { ReferenceKernel } from './reference-kernel';

// y[i] = parameter[i] * shrink - rate * mean[i] / (sqrt(square[i]) + epsilon)     (Kingma and Ba 2015, algorithm 1)
export const adamStep: ReferenceKernel<'adamStep'> = ({ inputs, outputs, attributes }, at) => {
  const { length, rate, epsilon, shrink } = attributes;
  const parameter = at(inputs.parameter);
  const mean = at(inputs.mean);
  const square = at(inputs.square);
  const y = at(outputs.output);
  for (let i = 0; i < length; i++) y[i] = parameter[i] * shrink - (rate * mean[i]) / (Math.sqrt(square[i]) + epsilon);
};
