import { type WebgpuKernel, workgroupsFor } from './dispatch';

export const scale: WebgpuKernel<'scale'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'scale',
    inputs: [inputs.input],
    output: outputs.output,
    integers: [attributes.length],
    reals: [attributes.factor, attributes.offset],
    workgroups: workgroupsFor(attributes.length),
  },
];
