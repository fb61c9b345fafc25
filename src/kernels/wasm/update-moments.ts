import type { KernelCall } from '../kernel';
import { combineJob } from './combine';
import type { Job, Planning } from './job';

export const updateMoments = (
  { inputs, outputs, attributes }: KernelCall<'updateMoments'>,
  { address }: Planning,
): Job[] => {
  const { channels, momentum, unbiased } = attributes;
  const moments = address(inputs.moments);
  const average = (output: number, batch: number, share: number): Job =>
    combineJob({
      ...{ length: channels, leftFactor: 1 - momentum, rightFactor: share },
      ...{ left: output, right: batch, output },
    });
  return [
    average(address(outputs.mean), moments, momentum),
    average(address(outputs.variance), moments + channels * 4, momentum * unbiased),
  ];
};
