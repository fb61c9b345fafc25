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

// dX[r,c] = y[r,c] * (dY[r,c] - sum over k of dY[r,k] * y[r,k])
export const softmaxGradient: ReferenceKernel<'softmaxGradient'> = (
  { inputs, outputs, attributes: { rows, columns } },
  at,
) => {
  const y = at(inputs.output);
  const outputGradient = at(inputs.outputGradient);
  const inputGradient = at(outputs.output);
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let k = 0; k < columns; k++) sum += outputGradient[r * columns + k] * y[r * columns + k];
    for (let c = 0; c < columns; c++)
      inputGradient[r * columns + c] = y[r * columns + c] * (outputGradient[r * columns + c] - sum);
  }
};
