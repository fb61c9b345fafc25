import { type KernelCall, LINEAR } from '../kernel';
import { type F32, f32, i32 } from './assembler';
import { type Code, type Job, type Planning, singleFunction } from './job';
import { scaleShiftJob } from './scale-shift';

/** First one scale and one shift a channel, then all numbers: the square roots are taken once a channel. */
export const batchNorm = ({ inputs, outputs, attributes }: KernelCall<'batchNorm'>, planning: Planning): Job[] => {
  const { length, channels, epsilon } = attributes;
  const { address, isConstant } = planning;
  const statistics = [inputs.mean, inputs.variance, inputs.gamma, inputs.beta];
  const scale = planning.scratch(channels * 4);
  const shift = planning.scratch(channels * 4);
  return [
    {
      code: foldCode,
      arguments: [...statistics.map(address), scale, shift, epsilon],
      pieces: channels,
      work: channels,
      once: statistics.every(isConstant),
    },
    scaleShiftJob({
      length,
      channels,
      activation: LINEAR,
      input: address(inputs.input),
      scale,
      shift,
      output: address(outputs.output),
    }),
  ];
};

/** scale = gamma / sqrt(variance + epsilon), shift = beta - mean * scale. */
const foldCode: Code = singleFunction('fold batch norm', ({ f, first, end }) => {
  const [mean, variance, gamma, beta, scale, shift] = [1, 2, 3, 4, 5, 6].map(() => f.parameter('i32'));
  const epsilon = f.parameter('f32');
  f.forRange(first, end, 1, (channel) => {
    const at = f.let(i32.shl(channel, 2));
    const number = (start: typeof mean): F32 => f32.load(i32.add(start, at));
    const factor = f.let(f32.div(number(gamma), f32.sqrt(f32.add(number(variance), epsilon))));
    f.storeF32(i32.add(scale, at), factor);
    f.storeF32(i32.add(shift, at), f32.sub(number(beta), f32.mul(number(mean), factor)));
  });
});
