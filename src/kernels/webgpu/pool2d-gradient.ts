import type { WebgpuKernel } from './dispatch';
import { inputWorkgroups, windowIntegers } from './window';

export const maxPool2dGradient: WebgpuKernel<'maxPool2dGradient'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'maxPool2dGradient',
    inputs: [inputs.input, inputs.outputGradient],
    output: outputs.output,
    integers: windowIntegers(attributes),
    workgroups: inputWorkgroups(attributes),
  },
];

export const averagePool2dGradient: WebgpuKernel<'averagePool2dGradient'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'averagePool2dGradient',
    inputs: [inputs.outputGradient],
    output: outputs.output,
    integers: windowIntegers(attributes),
    workgroups: inputWorkgroups(attributes),
  },
];
