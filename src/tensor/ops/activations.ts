import { type Activation, RELU, RELU6 } from '../../kernels/kernel';
import { outputOf } from '../operation';
import { expectChannels } from '../shape';
import type { Tensor } from '../tensor';

function activation(operation: string, input: Tensor, f: Activation): Tensor {
  const output = outputOf(operation, [input], input.shape);
  output.backend.run({
    kernel: 'activation',
    inputs: { input: input.slot },
    outputs: { output: output.slot },
    attributes: { length: input.size, activation: f },
  });
  return output;
}

/** max(0, x), for every number. Any shape. */
export const relu = (input: Tensor): Tensor => activation('relu', input, RELU);

/** min(6, max(0, x)): MobileNet's. Any shape. */
export const relu6 = (input: Tensor): Tensor => activation('relu6', input, RELU6);

/** x where it is positive, slope * x elsewhere. Any shape. */
export const leakyRelu = (input: Tensor, slope = 0.01): Tensor =>
  activation('leakyRelu', input, { slope, ceiling: Number.POSITIVE_INFINITY });

/**
 * Leaky ReLU with a slope for each channel (He et al. 2015, Delving Deep into Rectifiers, section 2.1).
 *
 * @param input  [..., channels]
 * @param slopes [channels]
 */
export function prelu(input: Tensor, slopes: Tensor): Tensor {
  expectChannels('prelu', 'slopes', slopes.shape, input.shape);
  const output = outputOf('prelu', [input, slopes], input.shape);
  output.backend.run({
    kernel: 'prelu',
    inputs: { input: input.slot, slopes: slopes.slot },
    outputs: { output: output.slot },
    attributes: { length: input.size, channels: slopes.size },
  });
  return output;
}

/** 1 / (1 + e^-x), for every number. Any shape. */
export function sigmoid(input: Tensor): Tensor {
  const output = outputOf('sigmoid', [input], input.shape);
  output.backend.run({
    kernel: 'sigmoid',
    inputs: { input: input.slot },
    outputs: { output: output.slot },
    attributes: { length: input.size },
  });
  return output;
}
