import type { KernelCall } from '../kernel';
import { f32x4, type V128 } from './assembler';
import { elementwiseJob } from './elementwise';
import type { Job, Planning } from './job';

/** First the velocity, then the parameter, each in place: both need the parameter as it was. */
export const sgdStep = ({ inputs, outputs, attributes }: KernelCall<'sgdStep'>, { address }: Planning): Job[] => {
  const { length, gradientFactor, rate, momentum, weightDecay, nesterov } = attributes;
  const gradient = address(inputs.gradient);
  const parameter = address(outputs.parameter);
  if (!outputs.velocity)
    return [
      elementwiseJob({
        ...{ key: 'sgdStep', length, output: parameter },
        streams: [gradient, parameter],
        factors: [gradientFactor, rate, weightDecay],
        compute: (_, { streams: [g, p], factors: [factor, speed, decay] }) =>
          f32x4.sub(p, f32x4.mul(speed, decayed(f32x4.mul(factor, g), p, decay))),
      }),
    ];
  const velocity = address(outputs.velocity);
  const streams = [gradient, parameter, velocity];
  const factors = [gradientFactor, rate, weightDecay, momentum];
  return [
    elementwiseJob({
      ...{ key: 'sgdStep velocity', length, output: velocity, streams, factors },
      compute: (_, { streams: [g, p, v], factors: [factor, , decay, kept] }) =>
        f32x4.add(f32x4.mul(kept, v), decayed(f32x4.mul(factor, g), p, decay)),
    }),
    elementwiseJob({
      ...{ key: `sgdStep along velocity${nesterov ? ', ahead' : ''}`, length, output: parameter, streams, factors },
      compute(f, { streams: [g, position, v], factors: [factor, speed, decay, kept] }) {
        const p = f.let(position);
        const direction = nesterov ? f32x4.add(decayed(f32x4.mul(factor, g), p, decay), f32x4.mul(kept, v)) : v;
        return f32x4.sub(p, f32x4.mul(speed, direction));
      },
    }),
  ];
};

const decayed = (gradient: V128, parameter: V128, decay: V128): V128 =>
  f32x4.add(gradient, f32x4.mul(decay, parameter));
