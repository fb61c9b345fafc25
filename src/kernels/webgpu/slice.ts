import { type WebgpuKernel, workgroupsFor } from './dispatch';

export const slice: WebgpuKernel<'slice'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'slice',
    inputs: [inputs.input],
    output: outputs.output,
    integers: [attributes.outer * attributes.inner, attributes.inner, attributes.total, attributes.start],
    workgroups: workgroupsFor(attributes.outer * attributes.inner),
  },
];
