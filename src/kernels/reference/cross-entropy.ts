import type { ReferenceKernel } from './reference-kernel';

/** The target distribution: 1 - smoothing at the label, smoothing / columns everywhere (Szegedy et al. 2016, section 7). */
const target = (column: number, label: number, columns: number, smoothing: number) =>
  (column === label ? 1 - smoothing : 0) + smoothing / columns;

// -sum over k of t[k] * log softmax(z)[k], with log softmax(z)[k] = z[k] - logSum and logSum = log(sum over k of e^z[k]):
// loss[r] = logSum - sum over k of t[r,k] * z[r,k], for the t[r,k] sum to 1
export const softmaxCrossEntropy: ReferenceKernel<'softmaxCrossEntropy'> = ({ inputs, outputs, attributes }, at) => {
  const { rows, columns, smoothing } = attributes;
  const logits = at(inputs.logits);
  const labels = at(inputs.labels);
  const loss = at(outputs.output);
  for (let r = 0; r < rows; r++) {
    const z = logits.subarray(r * columns, (r + 1) * columns);
    loss[r] = logSumOfExponentials(z);
    for (let k = 0; k < columns; k++) loss[r] -= target(k, labels[r], columns, smoothing) * z[k];
  }
};

// dZ[r,k] = dLoss[r] * (softmax(z)[r,k] - t[r,k])
export const softmaxCrossEntropyGradient: ReferenceKernel<'softmaxCrossEntropyGradient'> = (
  { inputs, outputs, attributes },
  at,
) => {
  const { rows, columns, smoothing } = attributes;
  const logits = at(inputs.logits);
  const labels = at(inputs.labels);
  const outputGradient = at(inputs.outputGradient);
  const logitsGradient = at(outputs.output);
  for (let r = 0; r < rows; r++) {
    const z = logits.subarray(r * columns, (r + 1) * columns);
    const logSum = logSumOfExponentials(z);
    for (let k = 0; k < columns; k++)
      logitsGradient[r * columns + k] =
        outputGradient[r] * (Math.exp(z[k] - logSum) - target(k, labels[r], columns, smoothing));
  }
};

/** log(sum of e^z) = m + log(sum of e^(z - m)), m = max: no exponent is above 0, so none overflows. */
function logSumOfExponentials(z: Float64Array): number {
  const largest = z.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return largest + Math.log(z.reduce((sum, value) => sum + Math.exp(value - largest), 0));
}
