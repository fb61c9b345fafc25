import { type WebgpuKernel, workgroupsFor } from './dispatch';

export const repeat: WebgpuKernel<'repeat'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'repeat',
    inputs: [inputs.input],
    output: outputs.output,
    integers: [attributes.length, attributes.inputLength],
    workgroups: workgroupsFor(attributes.length),
  },
];
