import { type WebgpuKernel, workgroupsFor } from './dispatch';

export const crop: WebgpuKernel<'crop'> = ({ inputs, outputs, attributes }) => {
  const { batch, height, width, channels, outHeight, outWidth, outChannels, top, left } = attributes;
  const length = batch * height * width * channels;
  return [
    {
      shader: 'crop',
      inputs: [inputs.input],
      output: outputs.output,
      integers: [length, height, width, channels, outHeight, outWidth, outChannels, top, left],
      workgroups: workgroupsFor(length),
    },
  ];
};
