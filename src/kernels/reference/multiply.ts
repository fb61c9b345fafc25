import type { ReferenceKernel } from './reference-kernel';

// y[i] = left[i] * right[i mod rightLength]
export const multiply: ReferenceKernel<'multiply'> = ({ inputs, outputs, attributes }, at) => {
  const left = at(inputs.left);
  const right = at(inputs.right);
  const y = at(outputs.output);
  for (let i = 0; i < attributes.length; i++) y[i] = left[i] * right[i % attributes.rightLength];
};
