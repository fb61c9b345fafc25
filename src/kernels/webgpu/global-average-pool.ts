import { type WebgpuKernel, workgroupsFor } from './dispatch';

export const globalAveragePool: WebgpuKernel<'globalAveragePool'> = ({ inputs, outputs, attributes }) => {
  const { batch, positions, channels } = attributes;
  return [
    {
      shader: 'globalAveragePool',
      inputs: [inputs.input],
      output: outputs.output,
      integers: [batch, positions, channels],
      workgroups: workgroupsFor(batch * channels),
    },
  ];
};
