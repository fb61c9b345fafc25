import { ceilingOf, type WebgpuKernel, workgroupsFor } from './dispatch';

export const scaleShift: WebgpuKernel<'scaleShift'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'scaleShift',
    inputs: [inputs.input, inputs.scale, inputs.shift],
    output: outputs.output,
    integers: [attributes.length, attributes.channels],
    reals: [attributes.activation.slope, ceilingOf(attributes.activation)],
    workgroups: workgroupsFor(attributes.length),
  },
];
