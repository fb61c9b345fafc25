import type { KernelCall } from '../kernel';
import { emitActivation } from './activate';
import { f32x4 } from './assembler';
import { repeatedRight } from './elementwise';
import type { Job, Planning } from './job';

export const add = ({ inputs, outputs, attributes }: KernelCall<'add'>, { address }: Planning): Job[] => {
  const { length, rightLength, activation } = attributes;
  return [
    repeatedRight(
      { key: `add ${activation.slope} ${activation.ceiling}`, length, output: address(outputs.output) },
      address(inputs.left),
      address(inputs.right),
      rightLength,
      (f, left, right) => emitActivation(f, f32x4.add(left, right), activation),
    ),
  ];
};
