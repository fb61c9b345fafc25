import { type WebgpuKernel, workgroupsFor } from './dispatch';

export const sgdStep: WebgpuKernel<'sgdStep'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'sgdStep',
    inputs: [inputs.gradient],
    output: outputs.parameter,
    moreOutputs: [outputs.velocity],
    integers: [attributes.length, outputs.velocity ? 1 : 0, attributes.nesterov ? 1 : 0],
    reals: [attributes.gradientFactor, attributes.rate, attributes.momentum, attributes.weightDecay],
    workgroups: workgroupsFor(attributes.length),
  },
];
