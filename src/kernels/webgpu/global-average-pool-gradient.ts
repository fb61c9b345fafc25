import { type WebgpuKernel, workgroupsFor } from './dispatch';

export const globalAveragePoolGradient: WebgpuKernel<'globalAveragePoolGradient'> = ({
  inputs,
  outputs,
  attributes,
}) => {
  const { batch, positions, channels } = attributes;
  const length = batch * positions * channels;
  return [
    {
      shader: 'globalAveragePoolGradient',
      inputs: [inputs.outputGradient],
      output: outputs.output,
      integers: [length, positions, channels],
      workgroups: workgroupsFor(length),
    },
  ];
};
