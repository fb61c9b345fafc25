import { type WebgpuKernel, workgroupsFor } from './dispatch';

export const sigmoid: WebgpuKernel<'sigmoid'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'sigmoid',
    inputs: [inputs.input],
    output: outputs.output,
    integers: [attributes.length],
    workgroups: workgroupsFor(attributes.length),
  },
];
