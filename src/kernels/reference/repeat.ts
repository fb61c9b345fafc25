import type { ReferenceKernel } from './reference-kernel';

// y[i] = x[i mod inputLength]
export const repeat: ReferenceKernel<'repeat'> = ({ inputs, outputs, attributes: { length, inputLength } }, at) => {
  const x = at(inputs.input);
  const y = at(outputs.output);
  for (let i = 0; i < length; i++) y[i] = x[i % inputLength];
};
