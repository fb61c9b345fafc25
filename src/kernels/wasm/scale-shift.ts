import type { Activation, KernelCall } from '../kernel';
import { emitActivation } from './activate';
import { f32x4 } from './assembler';
import { elementwiseJob } from './elementwise';
import type { Job, Planning } from './job';

export interface ScaleShiftOperands {
  length: number;
  channels: number;
  activation: Activation;
  /** Addresses. */
  input: number;
  scale: number;
  shift: number;
  output: number;
}

export const scaleShiftJob = ({ activation, input, scale, shift, ...sizes }: ScaleShiftOperands): Job =>
  elementwiseJob({
    ...sizes,
    key: `scaleShift ${activation.slope} ${activation.ceiling}`,
    streams: [input],
    vectors: [scale, shift],
    compute: (f, { streams, vectors }) =>
      emitActivation(f, f32x4.add(f32x4.mul(streams[0], vectors[0]), vectors[1]), activation),
  });

export const scaleShift = ({ inputs, outputs, attributes }: KernelCall<'scaleShift'>, { address }: Planning): Job[] => [
  scaleShiftJob({
    ...attributes,
    input: address(inputs.input),
    scale: address(inputs.scale),
    shift: address(inputs.shift),
    output: address(outputs.output),
  }),
];
