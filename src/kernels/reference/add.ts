import { activate } from './activation';
import type { ReferenceKernel } from './reference-kernel';

// y[i] = f(left[i] + right[i mod rightLength])
export const add: ReferenceKernel<'add'> = ({ inputs, outputs, attributes }, at) => {
  const left = at(inputs.left);
  const right = at(inputs.right);
  const y = at(outputs.output);
  for (let i = 0; i < attributes.length; i++)
    y[i] = activate(left[i] + right[i % attributes.rightLength], attributes.activation);
};
