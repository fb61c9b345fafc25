import type { WebgpuKernel } from './dispatch';
import { windowIntegers, windowWorkgroups } from './window';

export const maxPool2d: WebgpuKernel<'maxPool2d'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'maxPool2d',
    inputs: [inputs.input],
    output: outputs.output,
    integers: windowIntegers(attributes),
    workgroups: windowWorkgroups(attributes),
  },
];
