import type { WebgpuKernel } from './dispatch';
import { windowIntegers, windowWorkgroups } from './window';

export const averagePool2d: WebgpuKernel<'averagePool2d'> = ({ inputs, outputs, attributes }) => {
  const { channels, outChannels = channels } = attributes;
  return [
    {
      shader: 'averagePool2d',
      inputs: [inputs.input],
      output: outputs.output,
      integers: [...windowIntegers(attributes), outChannels],
      workgroups: windowWorkgroups({ ...attributes, channels: outChannels }),
    },
  ];
};
