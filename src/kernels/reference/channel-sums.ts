import type { ReferenceKernel } from './reference-kernel';

// y[c] = sum over r of x[r,c]
export const channelSums: ReferenceKernel<'channelSums'> = ({ inputs, outputs, attributes }, at) => {
  const { length, channels } = attributes;
  const x = at(inputs.input);
  const y = at(outputs.output).fill(0);
  for (let i = 0; i < length; i++) y[i % channels] += x[i];
};
