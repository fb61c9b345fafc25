import type { KernelCall } from '../kernel';
import { f32x4 } from './assembler';
import { elementwiseJob } from './elementwise';
import type { Job, Planning } from './job';

export interface CombineOperands {
  length: number;
  leftFactor: number;
  rightFactor: number;
  /** Addresses. The output may be the left operand: it is then changed in place. */
  left: number;
  right: number;
  output: number;
}

export const combineJob = ({ length, leftFactor, rightFactor, left, right, output }: CombineOperands): Job =>
  elementwiseJob({
    ...{ key: 'combine', length, output },
    streams: [left, right],
    // They change from step to step, so they are no part of the code.
    factors: [leftFactor, rightFactor],
    compute: (_, { streams, factors }) =>
      f32x4.add(f32x4.mul(streams[0], factors[0]), f32x4.mul(streams[1], factors[1])),
  });

export const combine = ({ inputs, outputs, attributes }: KernelCall<'combine'>, { address }: Planning): Job[] => [
  combineJob({
    ...attributes,
    left: address(inputs.left),
    right: address(inputs.right),
    output: address(outputs.output),
  }),
];
