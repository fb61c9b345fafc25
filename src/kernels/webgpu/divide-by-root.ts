import { type WebgpuKernel, workgroupsFor } from './dispatch';

export const divideByRoot: WebgpuKernel<'divideByRoot'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'divideByRoot',
    inputs: [inputs.numerator, inputs.square],
    output: outputs.output,
    integers: [attributes.length],
    reals: [attributes.epsilon],
    workgroups: workgroupsFor(attributes.length),
  },
];
