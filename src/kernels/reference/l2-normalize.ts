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

// With n = |x[r]|: dX[r,c] = (dY[r,c] - y[r,c] * sum over k of dY[r,k] * y[r,k]) / n where n > epsilon, dY[r,c] / epsilon elsewhere
export const l2NormalizeGradient: ReferenceKernel<'l2NormalizeGradient'> = ({ inputs, outputs, attributes }, at) => {
  const { rows, columns, epsilon } = attributes;
  const input = at(inputs.input);
  const outputGradient = at(inputs.outputGradient);
  const inputGradient = at(outputs.output);
  for (let r = 0; r < rows; r++) {
    const x = input.subarray(r * columns, (r + 1) * columns);
    const dY = outputGradient.subarray(r * columns, (r + 1) * columns);
    const norm = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));
    if (norm > epsilon) {
      const along = x.reduce((sum, value, k) => sum + dY[k] * (value / norm), 0);
      for (let c = 0; c < columns; c++) inputGradient[r * columns + c] = (dY[c] - (x[c] / norm) * along) / norm;
    } else for (let c = 0; c < columns; c++) inputGradient[r * columns + c] = dY[c] / epsilon;
  }
};
