import type { WebgpuKernel } from './dispatch';

/** One workgroup a row. */
export const softmax: WebgpuKernel<'softmax'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'softmax',
    inputs: [inputs.input],
    output: outputs.output,
    integers: [attributes.rows, attributes.columns],
    workgroups: attributes.rows,
  },
];
