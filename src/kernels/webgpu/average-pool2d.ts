import type { WebgpuKernel } from './dispatch';
import { windowIntegers, windowWorkgroups } from './window';

export const averagePool2d: WebgpuKernel<'averagePool2d'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'averagePool2d',
    inputs: [inputs.input],
    output: outputs.output,
    integers: windowIntegers(attributes),
    workgroups: windowWorkgroups(attributes),
  },
];
