import type { Activation, KernelCall } from '../kernel';
import { emitActivation } from './activate';
import { emitActivationGradient } from './activation-gradient';
import { type F32, f32, f32x4, i32 } from './assembler';
import { channelSumCode, channelSumJobs } from './channel-reduction';
import { elementwiseJob } from './elementwise';
import { type Code, type Job, type Planning, singleFunction } from './job';

/**
 * f((x - mean) * scale + beta + residual). The mean is taken off first, unlike in inference, where it is folded into beta: with a
 * mean that is large against the deviation the difference of two large products would lose digits.
 */
export const batchNormTraining = (
  { inputs, outputs, attributes }: KernelCall<'batchNormTraining'>,
  planning: Planning,
): Job[] => {
  const { length, channels, epsilon, activation } = attributes;
  const { address } = planning;
  const moments = address(inputs.moments);
  const streams = inputs.residual ? [inputs.input, inputs.residual] : [inputs.input];
  const scale = planning.scratch(channels * 4);
  return [
    {
      code: scaleCode,
      arguments: [moments, address(inputs.gamma), scale, channels, epsilon],
      pieces: channels,
      work: channels,
    },
    elementwiseJob({
      ...{ length, channels, output: address(outputs.output) },
      key: `batchNormTraining of ${streams.length} to ${nameOf(activation)}`,
      streams: streams.map(address),
      vectors: [moments, scale, address(inputs.beta)],
      compute(f, { streams: [x, ...residual], vectors: [mean, factor, beta] }) {
        const normalized = f32x4.add(f32x4.mul(f32x4.sub(x, mean), factor), beta);
        return emitActivation(f, residual.reduce(f32x4.add, normalized), activation);
      },
    }),
  ];
};

/** The sums of dY and of dY * (x - mean), the latter divided by the deviation when all is added. */
export const batchNormSums = (
  { inputs, outputs, attributes }: KernelCall<'batchNormSums'>,
  planning: Planning,
): Job[] => {
  const { channels, epsilon, activation } = attributes;
  const streams = inputs.activated ? [inputs.activated] : [];
  const operands = [inputs.input, inputs.outputGradient, ...streams, inputs.moments].map(planning.address);
  const moments = planning.address(inputs.moments);
  const gradients = [outputs.betaGradient, outputs.gammaGradient].map(planning.address);
  const output = planning.scratch(2 * channels * 4);
  return [
    ...channelSumJobs(sumsCode(inputs.activated && activation), attributes, { operands, output }, planning),
    {
      code: divideCode,
      arguments: [moments, output, ...gradients, channels, epsilon],
      pieces: channels,
      work: channels,
    },
  ];
};

/** Per channel the gradient is dY * factor - (x - mean) * slope - offset: the divisions are made once a channel. */
export const batchNormInputGradient = (
  { inputs, outputs, attributes }: KernelCall<'batchNormInputGradient'>,
  planning: Planning,
): Job[] => {
  const { length, channels, epsilon, activation } = attributes;
  const { address } = planning;
  const moments = address(inputs.moments);
  const streams = [inputs.input, inputs.outputGradient];
  const mask = inputs.activated && activation;
  if (inputs.activated) streams.push(inputs.activated);
  const [factor, slope, offset] = [1, 2, 3].map(() => planning.scratch(channels * 4));
  return [
    {
      code: foldCode,
      arguments: [
        ...[moments, ...[inputs.gamma, inputs.betaGradient, inputs.gammaGradient].map(address)],
        ...[factor, slope, offset, channels, channels / length, epsilon],
      ],
      pieces: channels,
      work: channels,
    },
    elementwiseJob({
      ...{ length, channels, output: address(outputs.output) },
      key: `batchNormInputGradient${mask ? ` through ${nameOf(mask)}` : ''}`,
      streams: streams.map(address),
      vectors: [moments, factor, slope, offset],
      compute(f, { streams: [x, dOutput, activated], vectors: [mean, times, steep, away] }) {
        const gradient = mask ? emitActivationGradient(f, activated, dOutput, mask) : dOutput;
        return f32x4.sub(f32x4.sub(f32x4.mul(gradient, times), f32x4.mul(f32x4.sub(x, mean), steep)), away);
      },
    }),
  ];
};

const nameOf = ({ slope, ceiling }: Activation): string => `${slope} ${ceiling}`;

/** @param mask the activation whose output is the third stream */
const sumsCode = (mask: Activation | undefined) =>
  channelSumCode({
    key: `batchNormSums${mask ? ` through ${nameOf(mask)}` : ''}`,
    streams: mask ? 3 : 2,
    vectors: 1,
    sums: 2,
    terms(f, { streams: [x, dOutput, activated], vectors: [mean] }) {
      const gradient = mask ? f.let(emitActivationGradient(f, activated, dOutput, mask)) : dOutput;
      return [gradient, f32x4.mul(gradient, f32x4.sub(x, mean))];
    },
  });

const deviation = (variance: F32, epsilon: F32): F32 => f32.sqrt(f32.add(variance, epsilon));

/** scale = gamma / deviation. */
const scaleCode: Code = singleFunction('batch norm scale', ({ f, first, end }) => {
  const [moments, gamma, scale, channels] = [1, 2, 3, 4].map(() => f.parameter('i32'));
  const epsilon = f.parameter('f32');
  const variances = f.let(i32.add(moments, i32.shl(channels, 2)));
  f.forRange(first, end, 1, (channel) => {
    const at = f.let(i32.shl(channel, 2));
    const number = (start: typeof at): F32 => f32.load(i32.add(start, at));
    f.storeF32(i32.add(scale, at), f32.div(number(gamma), deviation(number(variances), epsilon)));
  });
});

/** The first of the sums as it is, the second divided by the deviation. */
const divideCode: Code = singleFunction('batch norm sums by deviation', ({ f, first, end }) => {
  const [moments, sums, betaGradient, gammaGradient, channels] = [1, 2, 3, 4, 5].map(() => f.parameter('i32'));
  const epsilon = f.parameter('f32');
  f.forRange(first, end, 1, (channel) => {
    const at = f.let(i32.shl(channel, 2));
    const secondAt = f.let(i32.shl(i32.add(channel, channels), 2));
    const width = deviation(f32.load(i32.add(moments, secondAt)), epsilon);
    f.storeF32(i32.add(betaGradient, at), f32.load(i32.add(sums, at)));
    f.storeF32(i32.add(gammaGradient, at), f32.div(f32.load(i32.add(sums, secondAt)), width));
  });
});

/** factor = gamma / deviation, slope = factor * dGamma / (rows * deviation), offset = factor * dBeta / rows. */
const foldCode: Code = singleFunction('fold batch norm gradient', ({ f, first, end }) => {
  const [moments, gamma, betaGradient, gammaGradient] = [1, 2, 3, 4].map(() => f.parameter('i32'));
  const [factor, slope, offset, channels] = [1, 2, 3, 4].map(() => f.parameter('i32'));
  const [share, epsilon] = [f.parameter('f32'), f.parameter('f32')];
  f.forRange(first, end, 1, (channel) => {
    const at = f.let(i32.shl(channel, 2));
    const secondAt = f.let(i32.shl(i32.add(channel, channels), 2));
    const width = f.let(deviation(f32.load(i32.add(moments, secondAt)), epsilon));
    const times = f.let(f32.div(f32.load(i32.add(gamma, at)), width));
    const part = f.let(f32.mul(times, share));
    f.storeF32(i32.add(factor, at), times);
    f.storeF32(i32.add(slope, at), f32.div(f32.mul(part, f32.load(i32.add(gammaGradient, at))), width));
    f.storeF32(i32.add(offset, at), f32.mul(part, f32.load(i32.add(betaGradient, at))));
  });
});
