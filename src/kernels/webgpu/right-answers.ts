import type { WebgpuKernel } from './dispatch';

/** One workgroup a row. */
export const rightAnswers: WebgpuKernel<'rightAnswers'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'rightAnswers',
    inputs: [inputs.logits, inputs.labels],
    output: outputs.output,
    integers: [attributes.rows, attributes.columns],
    workgroups: attributes.rows,
  },
];
