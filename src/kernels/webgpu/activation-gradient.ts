import { ceilingOf, type WebgpuKernel, workgroupsFor } from './dispatch';

export const activationGradient: WebgpuKernel<'activationGradient'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'activationGradient',
    inputs: [inputs.input, inputs.outputGradient],
    output: outputs.output,
    integers: [attributes.length],
    reals: [attributes.activation.slope, ceilingOf(attributes.activation)],
    workgroups: workgroupsFor(attributes.length),
  },
];
