import type { KernelCall } from '../kernel';
import { f32, f32x4 } from './assembler';
import type { Job, Planning } from './job';
import { type WindowKernel, windowJob } from './windows';

export const averagePool2d = (
  { inputs, outputs, attributes }: KernelCall<'averagePool2d'>,
  { address }: Planning,
): Job[] => [windowJob(mean, attributes, address(inputs.input), address(outputs.output))];

const mean: WindowKernel = {
  key: 'averagePool2d',
  operands: 0,
  start: () => f32x4.const(0),
  visit: (result, value) => f32x4.add(result, value),
  finish: (_, result, count) => f32x4.div(result, f32x4.splat(f32.fromI32(count))),
};
