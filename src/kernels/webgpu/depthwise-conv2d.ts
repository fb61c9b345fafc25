import { ceilingOf, type WebgpuKernel } from './dispatch';
import { withLanes } from './lanes';
import { inLanes, windowIntegers, windowWorkgroups } from './window';

export const depthwiseConv2d: WebgpuKernel<'depthwiseConv2d'> = ({ inputs, outputs, attributes }) => {
  const { lanes, sizes } = inLanes(attributes);
  return [
    {
      shader: withLanes('depthwiseConv2d', lanes),
      inputs: [inputs.input, inputs.filter, inputs.bias],
      output: outputs.output,
      integers: [...windowIntegers(sizes), inputs.bias ? 1 : 0],
      reals: [attributes.activation.slope, ceilingOf(attributes.activation)],
      workgroups: windowWorkgroups(sizes),
    },
  ];
};
