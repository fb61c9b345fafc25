import type { WebgpuKernel } from './dispatch';
import { lanesOf, withLanes } from './lanes';
import { reduce, shareRows } from './reduction';

export const channelSums: WebgpuKernel<'channelSums'> = ({ inputs, outputs, attributes: { length, channels } }) => {
  const lanes = lanesOf(channels);
  const reduction = shareRows(length / channels, channels, lanes);
  return reduce({ shader: withLanes('sumRows', lanes), inputs: [inputs.input] }, reduction, outputs.output);
};
