import type { KernelCall } from '../kernel';
import { f32x4 } from './assembler';
import { elementwiseJob } from './elementwise';
import type { Job, Planning } from './job';

export const combine = ({ inputs, outputs, attributes }: KernelCall<'combine'>, { address }: Planning): Job[] => [
  elementwiseJob({
    key: 'combine',
    length: attributes.length,
    output: address(outputs.output),
    streams: [address(inputs.left), address(inputs.right)],
    factors: [attributes.leftFactor, attributes.rightFactor],
    compute: (_, { streams, factors }) =>
      f32x4.add(f32x4.mul(streams[0], factors[0]), f32x4.mul(streams[1], factors[1])),
  }),
];
