import type { KernelCall } from '../kernel';
import { f32x4 } from './assembler';
import { elementwiseJob } from './elementwise';
import type { Job, Planning } from './job';

export const adamStep = ({ inputs, outputs, attributes }: KernelCall<'adamStep'>, { address }: Planning): Job[] => [
  elementwiseJob({
    key: 'adamStep',
    length: attributes.length,
    output: address(outputs.output),
    streams: [address(inputs.parameter), address(inputs.mean), address(inputs.square)],
    // They change from step to step, so they are no part of the code.
    factors: [attributes.rate, attributes.epsilon, attributes.shrink],
    compute(_, { streams: [parameter, mean, square], factors: [rate, epsilon, shrink] }) {
      const step = f32x4.div(f32x4.mul(rate, mean), f32x4.add(f32x4.sqrt(square), epsilon));
      return f32x4.sub(f32x4.mul(parameter, shrink), step);
    },
  }),
];
