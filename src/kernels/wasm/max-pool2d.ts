import type { KernelCall } from '../kernel';
import { f32x4 } from './assembler';
import type { Job, Planning } from './job';
import { type WindowKernel, windowJob } from './windows';

export const maxPool2d = ({ inputs, outputs, attributes }: KernelCall<'maxPool2d'>, { address }: Planning): Job[] => [
  windowJob(maximum, attributes, address(inputs.input), address(outputs.output)),
];

const maximum: WindowKernel = {
  key: 'maxPool2d',
  operands: 0,
  start: () => f32x4.const(Number.NEGATIVE_INFINITY),
  // One instruction, where max takes six to hand on NaN: whether a window with a NaN gives NaN is left open.
  visit: (result, value) => f32x4.pmax(value, result),
  finish: (_, result) => result,
};
