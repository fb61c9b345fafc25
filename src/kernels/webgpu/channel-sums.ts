import type { WebgpuKernel } from './dispatch';
import { reduce, shareRows } from './reduction';

export const channelSums: WebgpuKernel<'channelSums'> = ({ inputs, outputs, attributes: { length, channels } }) =>
  reduce({ shader: 'sumRows', inputs: [inputs.input] }, shareRows(length / channels, channels), outputs.output);
