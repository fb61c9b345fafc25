import { ceilingOf, type WebgpuKernel, workgroupsFor } from './dispatch';
import { lanesOf, withLanes } from './lanes';

export const activationGradient: WebgpuKernel<'activationGradient'> = ({ inputs, outputs, attributes }) => {
  const lanes = lanesOf(attributes.length);
  return [
    {
      shader: withLanes('activationGradient', lanes),
      inputs: [inputs.input, inputs.outputGradient],
      output: outputs.output,
      integers: [attributes.length / lanes],
      reals: [attributes.activation.slope, ceilingOf(attributes.activation)],
      workgroups: workgroupsFor(attributes.length / lanes),
    },
  ];
};
