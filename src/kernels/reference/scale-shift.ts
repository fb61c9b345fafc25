import { activate } from './activation';
import type { ReferenceKernel } from './reference-kernel';

// y[i] = f(x[i] * scale[c] + shift[c])
export const scaleShift: ReferenceKernel<'scaleShift'> = ({ inputs, outputs, attributes }, at) => {
  const { length, channels } = attributes;
  const x = at(inputs.input);
  const scale = at(inputs.scale);
  const shift = at(inputs.shift);
  const y = at(outputs.output);
  for (let i = 0; i < length; i++)
    y[i] = activate(x[i] * scale[i % channels] + shift[i % channels], attributes.activation);
};
