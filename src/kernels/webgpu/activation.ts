import { ceilingOf, type WebgpuKernel, workgroupsFor } from './dispatch';
import { lanesOf, withLanes } from './lanes';

export const activation: WebgpuKernel<'activation'> = ({ inputs, outputs, attributes }) => {
  const lanes = lanesOf(attributes.length);
  return [
    {
      shader: withLanes('activation', lanes),
      inputs: [inputs.input],
      output: outputs.output,
      integers: [attributes.length / lanes],
      reals: [attributes.activation.slope, ceilingOf(attributes.activation)],
      workgroups: workgroupsFor(attributes.length / lanes),
    },
  ];
};
