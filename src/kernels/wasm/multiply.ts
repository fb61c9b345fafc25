import type { KernelCall } from '../kernel';
import { f32x4 } from './assembler';
import { repeatedRight } from './elementwise';
import type { Job, Planning } from './job';

export const multiply = ({ inputs, outputs, attributes }: KernelCall<'multiply'>, { address }: Planning): Job[] => [
  repeatedRight(
    { key: 'multiply', length: attributes.length, output: address(outputs.output) },
    address(inputs.left),
    address(inputs.right),
    attributes.rightLength,
    (_, left, right) => f32x4.mul(left, right),
  ),
];
