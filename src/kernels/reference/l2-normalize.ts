import type { ReferenceKernel } from './reference-kernel';

// y[r,c] = x[r,c] / max(sqrt(sum over k of x[r,k]^2), epsilon)
export const l2Normalize: ReferenceKernel<'l2Normalize'> = ({ inputs, outputs, attributes }, at) => {
  const { rows, columns, epsilon } = attributes;
  const x = at(inputs.input);
  const y = at(outputs.output);
  for (let r = 0; r < rows; r++) {
    let squares = 0;
    for (let c = 0; c < columns; c++) squares += x[r * columns + c] ** 2;
    const norm = Math.max(Math.sqrt(squares), epsilon);
    for (let c = 0; c < columns; c++) y[r * columns + c] = x[r * columns + c] / norm;
  }
};
