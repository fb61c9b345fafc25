import { activate } from './activation';
import type { ReferenceKernel } from './reference-kernel';

// Y[r,c] = f(bias[c] + sum over k of left[r,k] * right[k,c])
export const matmul: ReferenceKernel<'matmul'> = ({ inputs, outputs, attributes }, at) => {
  const { rows, inner, columns } = attributes;
  const left = at(inputs.left);
  const right = at(inputs.right);
  const bias = inputs.bias && at(inputs.bias);
  const output = at(outputs.output);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) {
      let sum = bias ? bias[c] : 0;
      for (let k = 0; k < inner; k++) sum += left[r * inner + k] * right[k * columns + c];
      output[r * columns + c] = activate(sum, attributes.activation);
    }
};
