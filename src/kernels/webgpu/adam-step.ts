import { type WebgpuKernel, workgroupsFor } from './dispatch';

export const adamStep: WebgpuKernel<'adamStep'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'adamStep',
    inputs: [inputs.parameter, inputs.mean, inputs.square],
    output: outputs.output,
    integers: [attributes.length],
    reals: [attributes.rate, attributes.epsilon, attributes.shrink],
    workgroups: workgroupsFor(attributes.length),
  },
];
