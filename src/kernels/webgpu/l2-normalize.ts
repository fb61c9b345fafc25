import type { WebgpuKernel } from './dispatch';

/** One workgroup a row. */
export const l2Normalize: WebgpuKernel<'l2Normalize'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'l2Normalize',
    inputs: [inputs.input],
    output: outputs.output,
    integers: [attributes.rows, attributes.columns],
    reals: [attributes.epsilon],
    workgroups: attributes.rows,
  },
];
