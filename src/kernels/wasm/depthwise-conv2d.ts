import type { Activation, KernelCall } from '../kernel';
import { emitActivation } from './activate';
import { f32x4, i32, plusProduct, v128 } from './assembler';
import type { Job, Planning } from './job';
import { type WindowKernel, windowJob } from './windows';

export const depthwiseConv2d = (
  { inputs, outputs, attributes }: KernelCall<'depthwiseConv2d'>,
  { address, machine }: Planning,
): Job[] => {
  const operands = inputs.bias ? [inputs.filter, inputs.bias] : [inputs.filter];
  return [
    windowJob(
      depthwise(attributes.activation, inputs.bias !== undefined, machine.fused),
      attributes,
      address(inputs.input),
      address(outputs.output),
      operands.map(address),
    ),
  ];
};

const depthwise = (activation: Activation, hasBias: boolean, fused: boolean): WindowKernel => ({
  key: `depthwiseConv2d ${activation.slope} ${activation.ceiling} ${hasBias ? 'bias' : ''}`,
  operands: hasBias ? 2 : 1,
  start: ([, bias], channel) => (hasBias ? v128.load(i32.add(bias, channel)) : f32x4.const(0)),
  weight: ([filter], at, shift) => v128.load(i32.add(filter, at), shift),
  visit(result, value, weight) {
    if (!weight) return result;
    return plusProduct(result, value, weight, fused);
  },
  finish: (f, result) => emitActivation(f, result, activation),
});
