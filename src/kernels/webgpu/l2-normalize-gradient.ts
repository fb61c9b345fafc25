import type { WebgpuKernel } from './dispatch';

/** One workgroup a row. */
export const l2NormalizeGradient: WebgpuKernel<'l2NormalizeGradient'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'l2NormalizeGradient',
    inputs: [inputs.input, inputs.outputGradient],
    output: outputs.output,
    integers: [attributes.rows, attributes.columns],
    reals: [attributes.epsilon],
    workgroups: attributes.rows,
  },
];
