import type { KernelCall } from '../kernel';
import { f32x4, v128 } from './assembler';
import { channelSumCode, channelSumJobs } from './channel-reduction';
import { elementwiseJob } from './elementwise';
import type { Job, Planning } from './job';

export const preluInputGradient = (
  { inputs, outputs, attributes }: KernelCall<'preluInputGradient'>,
  { address }: Planning,
): Job[] => [
  elementwiseJob({
    key: 'preluInputGradient',
    length: attributes.length,
    output: address(outputs.output),
    streams: [address(inputs.input), address(inputs.outputGradient)],
    vectors: [address(inputs.slopes)],
    channels: attributes.channels,
    compute(f, { streams, vectors }) {
      const gradient = f.let(streams[1]);
      const isPositive = f32x4.gt(streams[0], f32x4.const(0));
      return v128.bitselect(gradient, f32x4.mul(gradient, vectors[0]), isPositive);
    },
  }),
];

export const preluSlopesGradient = (
  { inputs, outputs, attributes }: KernelCall<'preluSlopesGradient'>,
  planning: Planning,
): Job[] =>
  channelSumJobs(
    sumCode,
    attributes,
    { operands: [inputs.input, inputs.outputGradient].map(planning.address), output: planning.address(outputs.output) },
    planning,
  );

/** Where x is positive its part is 0. */
const sumCode = channelSumCode({
  key: 'preluSlopesGradient',
  streams: 2,
  vectors: 0,
  sums: 1,
  terms: (_, { streams: [x, gradient] }) => [f32x4.mul(f32x4.pmin(x, f32x4.const(0)), gradient)],
});
