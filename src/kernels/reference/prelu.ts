import type { ReferenceKernel } from './reference-kernel';

// y[i] = x[i] > 0 ? x[i] : slopes[c] * x[i], c the place of i on the last axis
export const prelu: ReferenceKernel<'prelu'> = ({ inputs, outputs, attributes: { length, channels } }, at) => {
  const x = at(inputs.input);
  const slopes = at(inputs.slopes);
  const y = at(outputs.output);
  for (let i = 0; i < length; i++) y[i] = x[i] > 0 ? x[i] : slopes[i % channels] * x[i];
};
