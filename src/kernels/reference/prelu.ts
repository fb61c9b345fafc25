import type { ReferenceKernel } from './reference-kernel';

// y[i] = x[i] > 0 ? x[i] : slopes[c] * x[i], c the place of i on the last axis
export const prelu: ReferenceKernel<'prelu'> = ({ inputs, outputs, attributes: { length, channels } }, at) => {
  const x = at(inputs.input);
  const slopes = at(inputs.slopes);
  const y = at(outputs.output);
  for (let i = 0; i < length; i++) y[i] = x[i] > 0 ? x[i] : slopes[i % channels] * x[i];
};

// dX[i] = x[i] > 0 ? dY[i] : slopes[c] * dY[i]
export const preluInputGradient: ReferenceKernel<'preluInputGradient'> = ({ inputs, outputs, attributes }, at) => {
  const { length, channels } = attributes;
  const x = at(inputs.input);
  const slopes = at(inputs.slopes);
  const outputGradient = at(inputs.outputGradient);
  const inputGradient = at(outputs.output);
  for (let i = 0; i < length; i++)
    inputGradient[i] = x[i] > 0 ? outputGradient[i] : slopes[i % channels] * outputGradient[i];
};

// dSlopes[c] = sum over the r with x[r,c] <= 0 of x[r,c] * dY[r,c]
export const preluSlopesGradient: ReferenceKernel<'preluSlopesGradient'> = ({ inputs, outputs, attributes }, at) => {
  const { length, channels } = attributes;
  const x = at(inputs.input);
  const outputGradient = at(inputs.outputGradient);
  const slopesGradient = at(outputs.output).fill(0);
  for (let i = 0; i < length; i++) if (x[i] <= 0) slopesGradient[i % channels] += x[i] * outputGradient[i];
};
