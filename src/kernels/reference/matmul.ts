import { activate } from './activation';
import type { ReferenceKernel } from './reference-kernel';

// Y[r,c] = f(bias[c] + sum over k of left[r,k] * right[k,c]); a transposed operand is stored [k,r] or [c,k]
export const matmul: ReferenceKernel<'matmul'> = ({ inputs, outputs, attributes }, at) => {
  const { rows, inner, columns, transposeLeft, transposeRight } = attributes;
  const left = at(inputs.left);
  const right = at(inputs.right);
  const bias = inputs.bias && at(inputs.bias);
  const output = at(outputs.output);
  const leftPlace = (r: number, k: number) => (transposeLeft ? k * rows + r : r * inner + k);
  const rightPlace = (k: number, c: number) => (transposeRight ? c * inner + k : k * columns + c);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) {
      let sum = bias ? bias[c] : 0;
      for (let k = 0; k < inner; k++) sum += left[leftPlace(r, k)] * right[rightPlace(k, c)];
      output[r * columns + c] = activate(sum, attributes.activation);
    }
};
