import { LINEAR } from '../../kernels/kernel';
import { outputOf } from '../operation';
import { expectChannels } from '../shape';
import type { Tensor } from '../tensor';

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
  return output;
}
