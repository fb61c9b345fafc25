import type { KernelCall } from '../kernel';
import { f32, f32x4 } from './assembler';
import type { Job, Planning } from './job';
import { padJob } from './pad';
import { type WindowKernel, windowJob } from './windows';

export const averagePool2d = (
  { inputs, outputs, attributes }: KernelCall<'averagePool2d'>,
  { address, passingScratch }: Planning,
): Job[] => {
  const { batch, channels, outHeight: height, outWidth: width, outChannels = channels } = attributes;
  const [input, output] = [address(inputs.input), address(outputs.output)];
  if (outChannels === channels) return [windowJob(mean, attributes, input, output)];
  const narrow = passingScratch(4 * batch * height * width * channels);
  const sizes = { batch, height, width, channels, outHeight: height, outWidth: width, outChannels, top: 0, left: 0 };
  return [windowJob(mean, attributes, input, narrow), padJob(sizes, narrow, output)];
};

const mean: WindowKernel = {
  key: 'averagePool2d',
  operands: 0,
  start: () => f32x4.const(0),
  visit: (result, value) => f32x4.add(result, value),
  finish: (_, result, count) => f32x4.div(result, f32x4.splat(f32.fromI32(count))),
};
