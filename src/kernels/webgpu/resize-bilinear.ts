import { type WebgpuKernel, workgroupsFor } from './dispatch';

export const resizeBilinear: WebgpuKernel<'resizeBilinear'> = ({ inputs, outputs, attributes }) => {
  const { batch, height, width, channels, outHeight, outWidth } = attributes;
  return [
    {
      shader: 'resizeBilinear',
      inputs: [inputs.input],
      output: outputs.output,
      integers: [batch, height, width, channels, outHeight, outWidth],
      workgroups: workgroupsFor(batch * outHeight * outWidth * channels),
    },
  ];
};
