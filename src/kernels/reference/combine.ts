import type { ReferenceKernel } from './reference-kernel';

// y[i] = left[i] * leftFactor + right[i] * rightFactor
export const combine: ReferenceKernel<'combine'> = ({ inputs, outputs, attributes }, at) => {
  const { length, leftFactor, rightFactor } = attributes;
  const left = at(inputs.left);
  const right = at(inputs.right);
  const y = at(outputs.output);
  for (let i = 0; i < length; i++) y[i] = left[i] * leftFactor + right[i] * rightFactor;
};
