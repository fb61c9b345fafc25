import type { Activation, KernelCall } from '../kernel';
import { type FunctionBuilder, f32x4, type V128, v128 } from './assembler';
import { elementwiseJob } from './elementwise';
import type { Job, Planning } from './job';

export const activationGradient = (
  { inputs, outputs, attributes }: KernelCall<'activationGradient'>,
  { address }: Planning,
): Job[] => {
  const { length, activation } = attributes;
  return [
    elementwiseJob({
      key: `activationGradient ${activation.slope} ${activation.ceiling}`,
      length,
      output: address(outputs.output),
      streams: [address(inputs.input), address(inputs.outputGradient)],
      compute: (f, { streams }) => emitActivationGradient(f, streams[0], streams[1], activation),
    }),
  ];
};

/** dY * f'(x): masks instead of factors where the factor is 0 or 1. */
export const emitActivationGradient = (
  f: FunctionBuilder,
  input: V128,
  outputGradient: V128,
  { slope, ceiling }: Activation,
): V128 => {
  const [x, gradient] = [f.let(input), f.let(outputGradient)];
  const isPositive = f32x4.gt(x, f32x4.const(0));
  const bent =
    slope === 1
      ? gradient
      : slope === 0
        ? v128.and(gradient, isPositive)
        : v128.bitselect(gradient, f32x4.mul(gradient, f32x4.const(slope)), isPositive);
  if (ceiling === Number.POSITIVE_INFINITY) return bent;
  return v128.andNot(bent, f32x4.ge(x, f32x4.const(ceiling)));
};
