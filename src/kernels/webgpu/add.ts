import { ceilingOf, type WebgpuKernel, workgroupsFor } from './dispatch';

export const add: WebgpuKernel<'add'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'add',
    inputs: [inputs.left, inputs.right],
    output: outputs.output,
    integers: [attributes.length, attributes.rightLength],
    reals: [attributes.activation.slope, ceilingOf(attributes.activation)],
    workgroups: workgroupsFor(attributes.length),
  },
];
