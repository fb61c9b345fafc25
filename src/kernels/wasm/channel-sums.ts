import type { KernelCall } from '../kernel';
import { channelSumCode, channelSumJobs } from './channel-reduction';
import type { Job, Planning } from './job';

/** A sum of everything first adds every so manyth number, this many of them side by side. */
const LANES = [64, 16];

export const channelSums = ({ inputs, outputs, attributes }: KernelCall<'channelSums'>, planning: Planning): Job[] => {
  const { length, channels } = attributes;
  const [input, output] = [planning.address(inputs.input), planning.address(outputs.output)];
  const lanes = channels === 1 ? LANES.find((count) => length % count === 0) : undefined;
  if (lanes === undefined) return channelSumJobs(code, attributes, { operands: [input], output }, planning);
  const sums = planning.scratch(lanes * 4);
  return [
    ...channelSumJobs(code, { length, channels: lanes }, { operands: [input], output: sums }, planning),
    ...channelSumJobs(code, { length: lanes, channels }, { operands: [sums], output }, planning),
  ];
};

const code = channelSumCode({
  key: 'channelSums',
  streams: 1,
  vectors: 0,
  sums: 1,
  terms: (_, { streams }) => streams,
});
