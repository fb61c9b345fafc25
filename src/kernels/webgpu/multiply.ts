import { type WebgpuKernel, workgroupsFor } from './dispatch';

export const multiply: WebgpuKernel<'multiply'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'multiply',
    inputs: [inputs.left, inputs.right],
    output: outputs.output,
    integers: [attributes.length, attributes.rightLength],
    workgroups: workgroupsFor(attributes.length),
  },
];
