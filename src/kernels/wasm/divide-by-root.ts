import type { KernelCall } from '../kernel';
import { f32x4 } from './assembler';
import { elementwiseJob } from './elementwise';
import type { Job, Planning } from './job';

export const divideByRoot = (
  { inputs, outputs, attributes }: KernelCall<'divideByRoot'>,
  { address }: Planning,
): Job[] => [
  elementwiseJob({
    key: 'divideByRoot',
    length: attributes.length,
    output: address(outputs.output),
    streams: [address(inputs.numerator), address(inputs.square)],
    factors: [attributes.epsilon],
    compute: (_, { streams: [numerator, square], factors: [epsilon] }) =>
      f32x4.div(numerator, f32x4.add(f32x4.sqrt(square), epsilon)),
  }),
];
