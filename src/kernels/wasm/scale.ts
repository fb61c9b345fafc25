import type { KernelCall } from '../kernel';
import { f32x4 } from './assembler';
import { elementwiseJob } from './elementwise';
import type { Job, Planning } from './job';

export const scale = ({ inputs, outputs, attributes }: KernelCall<'scale'>, { address }: Planning): Job[] => [
  elementwiseJob({
    key: 'scale',
    length: attributes.length,
    output: address(outputs.output),
    streams: [address(inputs.input)],
    factors: [attributes.factor, attributes.offset],
    compute: (_, { streams, factors }) => f32x4.add(f32x4.mul(streams[0], factors[0]), factors[1]),
  }),
];
