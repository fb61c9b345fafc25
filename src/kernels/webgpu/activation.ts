import { ceilingOf, type WebgpuKernel, workgroupsFor } from './dispatch';

export const activation: WebgpuKernel<'activation'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'activation',
    inputs: [inputs.input],
    output: outputs.output,
    integers: [attributes.length],
    reals: [attributes.activation.slope, ceilingOf(attributes.activation)],
    workgroups: workgroupsFor(attributes.length),
  },
];
