import type { KernelCall } from '../kernel';
import { f32x4 } from './assembler';
import { combineJob } from './combine';
import { elementwiseJob } from './elementwise';
import type { Job, Planning } from './job';

/** First the two averages, then the parameter, each in place. */
export const adamStep = ({ inputs, outputs, attributes }: KernelCall<'adamStep'>, { address }: Planning): Job[] => {
  const { length, gradientFactor, beta1, beta2, rate, epsilon, shrink } = attributes;
  const gradient = address(inputs.gradient);
  const [parameter, mean, square] = [outputs.parameter, outputs.mean, outputs.square].map(address);
  return [
    combineJob({
      ...{ length, leftFactor: beta1, rightFactor: (1 - beta1) * gradientFactor },
      ...{ left: mean, right: gradient, output: mean },
    }),
    elementwiseJob({
      ...{ key: 'adamStep square', length, output: square },
      streams: [square, gradient],
      factors: [beta2, 1 - beta2, gradientFactor],
      compute(f, { streams, factors: [kept, share, factor] }) {
        const g = f.let(f32x4.mul(factor, streams[1]));
        return f32x4.add(f32x4.mul(kept, streams[0]), f32x4.mul(share, f32x4.mul(g, g)));
      },
    }),
    elementwiseJob({
      ...{ key: 'adamStep', length, output: parameter },
      streams: [parameter, mean, square],
      // They change from step to step, so they are no part of the code.
      factors: [rate, epsilon, shrink],
      compute(_, { streams: [p, m, s], factors: [speed, least, kept] }) {
        const step = f32x4.div(f32x4.mul(speed, m), f32x4.add(f32x4.sqrt(s), least));
        return f32x4.sub(f32x4.mul(p, kept), step);
      },
    }),
  ];
};
