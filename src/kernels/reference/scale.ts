import type { ReferenceKernel } from './reference-kernel';

// y[i] = x[i] * factor + offset
export const scale: ReferenceKernel<'scale'> = ({ inputs, outputs, attributes: { length, factor, offset } }, at) => {
  const x = at(inputs.input);
  const y = at(outputs.output);
  for (let i = 0; i < length; i++) y[i] = x[i] * factor + offset;
};
