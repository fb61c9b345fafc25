import { LINEAR } from '../../kernels/kernel';
import { biasGradient, outputOf } from '../operation';
import { differentiable } from '../record';
import { expectChannels } from '../shape';
import type { Tensor } from '../tensor';
import { multiply } from './arithmetic';

/**
 * x * scale + shift, each a vector over the channels: dlib's affine layer, and what is left of a batch norm
 * whose statistics are known.
 *
 * @param input [..., channels]
 * @param scale [channels]
 * @param shift [channels]
 * @returns the input's shape
 */
export function scaleShift(input: Tensor, scale: Tensor, shift: Tensor): Tensor {
  expectChannels('scaleShift', 'scale', scale.shape, input.shape);
  expectChannels('scaleShift', 'shift', shift.shape, input.shape);
  const output = outputOf('scaleShift', [input, scale, shift], input.shape);
  output.backend.run({
    kernel: 'scaleShift',
    inputs: { input: input.slot, scale: scale.slot, shift: shift.slot },
    outputs: { output: output.slot },
    attributes: { length: input.size, channels: scale.size, activation: LINEAR },
  });
  // Y[r,c] = X[r,c] * s[c] + t[c]:
  //   dX[r,c] = dY[r,c] * s[c];   dS[c] = sum over r of dY[r,c] * X[r,c];   dT[c] = sum over r of dY[r,c]
  return differentiable(output, [input, scale, shift], (dOutput) => [
    input.requiresGradient ? multiply(dOutput, scale) : undefined,
    scale.requiresGradient ? biasGradient(scale, multiply(dOutput, input)) : undefined,
    biasGradient(shift, dOutput),
  ]);
}
