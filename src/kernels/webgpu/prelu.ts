import { type WebgpuKernel, workgroupsFor } from './dispatch';

export const prelu: WebgpuKernel<'prelu'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'prelu',
    inputs: [inputs.input, inputs.slopes],
    output: outputs.output,
    integers: [attributes.length, attributes.channels],
    workgroups: workgroupsFor(attributes.length),
  },
];
