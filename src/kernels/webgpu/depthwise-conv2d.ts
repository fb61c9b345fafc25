import { ceilingOf, type WebgpuKernel } from './dispatch';
import { windowIntegers, windowWorkgroups } from './window';

export const depthwiseConv2d: WebgpuKernel<'depthwiseConv2d'> = ({ inputs, outputs, attributes }) => [
  {
    shader: 'depthwiseConv2d',
    inputs: [inputs.input, inputs.filter, inputs.bias],
    output: outputs.output,
    integers: [...windowIntegers(attributes), inputs.bias ? 1 : 0],
    reals: [attributes.activation.slope, ceilingOf(attributes.activation)],
    workgroups: windowWorkgroups(attributes),
  },
];
