import { type WebgpuKernel, workgroupsFor } from './dispatch';

export const updateMoments: WebgpuKernel<'updateMoments'> = ({ inputs, outputs, attributes }) => {
  const { channels, momentum, unbiased } = attributes;
  return [
    {
      shader: 'updateMoments',
      inputs: [inputs.moments],
      output: outputs.mean,
      moreOutputs: [outputs.variance],
      integers: [channels],
      reals: [1 - momentum, momentum, momentum * unbiased],
      workgroups: workgroupsFor(channels),
    },
  ];
};
