import type { KernelCall } from '../kernel';
import { f32x4, v128 } from './assembler';
import { elementwiseJob } from './elementwise';
import type { Job, Planning } from './job';

export const prelu = ({ inputs, outputs, attributes }: KernelCall<'prelu'>, { address }: Planning): Job[] => [
  elementwiseJob({
    key: 'prelu',
    length: attributes.length,
    output: address(outputs.output),
    streams: [address(inputs.input)],
    vectors: [address(inputs.slopes)],
    channels: attributes.channels,
    compute(f, { streams, vectors }) {
      const x = f.let(streams[0]);
      return v128.bitselect(x, f32x4.mul(x, vectors[0]), f32x4.gt(x, f32x4.const(0)));
    },
  }),
];
