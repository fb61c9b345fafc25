import { type WebgpuKernel, workgroupsFor } from './dispatch';

export const affineWarp: WebgpuKernel<'affineWarp'> = ({ inputs, outputs, attributes }) => {
  const { batch, height, width, channels, outHeight, outWidth } = attributes;
  return [
    {
      shader: 'affineWarp',
      inputs: [inputs.image, inputs.matrices],
      output: outputs.output,
      integers: [batch, height, width, channels, outHeight, outWidth],
      workgroups: workgroupsFor(batch * outHeight * outWidth * channels),
    },
  ];
};
