import type { ReferenceKernel } from './reference-kernel';

// y[i] = numerator[i] / (sqrt(square[i]) + epsilon)
export const divideByRoot: ReferenceKernel<'divideByRoot'> = ({ inputs, outputs, attributes }, at) => {
  const { length, epsilon } = attributes;
  const numerator = at(inputs.numerator);
  const square = at(inputs.square);
  const y = at(outputs.output);
  for (let i = 0; i < length; i++) y[i] = numerator[i] / (Math.sqrt(square[i]) + epsilon);
};
