import { type WebgpuKernel, workgroupsFor } from './dispatch';

export const sigmoidGradient: WebgpuKernel<'sigmoidGradient'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'sigmoidGradient',
    inputs: [inputs.output, inputs.outputGradient],
    output: outputs.output,
    integers: [attributes.length],
    workgroups: workgroupsFor(attributes.length),
  },
];
