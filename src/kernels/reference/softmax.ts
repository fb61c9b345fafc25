import type { ReferenceKernel } from './reference-kernel';

// y[r,c] = e^(x[r,c] - m) / sum over k of e^(x[r,k] - m), m = max of the row: no exponent is above 0, so none overflows
export const softmax: ReferenceKernel<'softmax'> = ({ inputs, outputs, attributes: { rows, columns } }, at) => {
  const x = at(inputs.input);
  const y = at(outputs.output);
  for (let r = 0; r < rows; r++) {
    const row = x.subarray(r * columns, (r + 1) * columns);
    const largest = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const exponentials = row.map((value) => Math.exp(value - largest));
    const sum = exponentials.reduce((a, b) => a + b, 0);
    for (let c = 0; c < columns; c++) y[r * columns + c] = exponentials[c] / sum;
  }
};
