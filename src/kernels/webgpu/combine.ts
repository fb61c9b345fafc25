import { type WebgpuKernel, workgroupsFor } from './dispatch';

export const combine: WebgpuKernel<'combine'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'combine',
    inputs: [inputs.left, inputs.right],
    output: outputs.output,
    integers: [attributes.length],
    reals: [attributes.leftFactor, attributes.rightFactor],
    workgroups: workgroupsFor(attributes.length),
  },
];
