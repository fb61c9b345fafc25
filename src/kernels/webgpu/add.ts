import { ceilingOf, type WebgpuKernel, workgroupsFor } from './dispatch';
import { lanesOf, withLanes } from './lanes';

export const add: WebgpuKernel<'add'> = ({ inputs, outputs, attributes }) => {
  const { length, rightLength, activation } = attributes;
  const lanes = lanesOf(length, rightLength);
  return [
    {
      shader: withLanes('add', lanes),
      inputs: [inputs.left, inputs.right],
      output: outputs.output,
      integers: [length / lanes, rightLength / lanes],
      reals: [activation.slope, ceilingOf(activation)],
      workgroups: workgroupsFor(length / lanes),
    },
  ];
};
