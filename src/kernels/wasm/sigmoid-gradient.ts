import type { KernelCall } from '../kernel';
import { f32x4 } from './assembler';
import { elementwiseJob } from './elementwise';
import type { Job, Planning } from './job';

export const sigmoidGradient = (
  { inputs, outputs, attributes }: KernelCall<'sigmoidGradient'>,
  { address }: Planning,
): Job[] => [
  elementwiseJob({
    key: 'sigmoidGradient',
    length: attributes.length,
    output: address(outputs.output),
    streams: [address(inputs.output), address(inputs.outputGradient)],
    compute(f, { streams }) {
      const y = f.let(streams[0]);
      return f32x4.mul(streams[1], f32x4.mul(y, f32x4.sub(f32x4.const(1), y)));
    },
  }),
];
