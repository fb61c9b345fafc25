import { type WebgpuKernel, workgroupsFor } from './dispatch';

export const batchNorm: WebgpuKernel<'batchNorm'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'batchNorm',
    inputs: [inputs.input, inputs.mean, inputs.variance, inputs.gamma, inputs.beta],
    output: outputs.output,
    integers: [attributes.length, attributes.channels],
    reals: [attributes.epsilon],
    workgroups: workgroupsFor(attributes.length),
  },
];
