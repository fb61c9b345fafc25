import type { Activation, KernelCall } from '../kernel';
import { emitActivation } from './activate';
import { f32x4, i32, v128 } from './assembler';
import type { Code, Job, Planning } from './job';
import { windowCode, windowJob } from './windows';

export const depthwiseConv2d = (
  { inputs, outputs, attributes }: KernelCall<'depthwiseConv2d'>,
  { address }: Planning,
): Job[] => {
  const operands = inputs.bias ? [inputs.filter, inputs.bias] : [inputs.filter];
  return [
    windowJob(
      depthwiseCode(attributes.activation, inputs.bias !== undefined),
      attributes,
      address(inputs.input),
      address(outputs.output),
      operands.map(address),
    ),
  ];
};

const depthwiseCode = (activation: Activation, hasBias: boolean): Code =>
  windowCode({
    key: `depthwiseConv2d ${activation.slope} ${activation.ceiling} ${hasBias ? 'bias' : ''}`,
    operands: hasBias ? 2 : 1,
    start: (_, [, bias], channel, shift) => (hasBias ? v128.load(i32.add(bias, channel), shift) : f32x4.const(0)),
    visit: (_, [filter], weight, shift, result, value) =>
      f32x4.add(result, f32x4.mul(value, v128.load(i32.add(filter, weight), shift))),
    finish: (f, result) => emitActivation(f, result, activation),
  });
