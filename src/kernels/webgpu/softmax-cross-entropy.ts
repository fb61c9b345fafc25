import type { WebgpuKernel } from './dispatch';

/** One workgroup a row. */
export const softmaxCrossEntropy: WebgpuKernel<'softmaxCrossEntropy'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'softmaxCrossEntropy',
    inputs: [inputs.logits, inputs.labels],
    output: outputs.output,
    integers: [attributes.rows, attributes.columns],
    reals: [attributes.smoothing],
    workgroups: attributes.rows,
  },
];

/** One workgroup a row. */
export const softmaxCrossEntropyGradient: WebgpuKernel<'softmaxCrossEntropyGradient'> = ({
  inputs,
  outputs,
  attributes,
}) => [
  {
    shader: 'softmaxCrossEntropyGradient',
    inputs: [inputs.logits, inputs.labels, inputs.outputGradient],
    output: outputs.output,
    integers: [attributes.rows, attributes.columns],
    reals: [attributes.smoothing],
    workgroups: attributes.rows,
  },
];
