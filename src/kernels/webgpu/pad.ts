import { type WebgpuKernel, workgroupsFor } from './dispatch';

export const pad: WebgpuKernel<'pad'> = ({ inputs, outputs, attributes }) => {
  const { batch, height, width, channels, outHeight, outWidth, outChannels, top, left } = attributes;
  return [
    {
      shader: 'pad',
      inputs: [inputs.input],
      output: outputs.output,
      integers: [batch, height, width, channels, outHeight, outWidth, outChannels, top, left],
      workgroups: workgroupsFor(batch * outHeight * outWidth * outChannels),
    },
  ];
};
