import type { WebgpuKernel } from './dispatch';

/** One workgroup a row. */
export const softmaxGradient: WebgpuKernel<'softmaxGradient'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'softmaxGradient',
    inputs: [inputs.output, inputs.outputGradient],
    output: outputs.output,
    integers: [attributes.rows, attributes.columns],
    workgroups: attributes.rows,
  },
];
