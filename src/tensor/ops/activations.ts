import { type Activation, RELU, RELU6 } from '../../kernels/kernel';
import { gradientFor, outputOf } from '../operation';
import { differentiable } from '../record';
import { expectChannels } from '../shape';
import type { Tensor } from '../tensor';

/** f(x) for every number; the operation is named in errors. Any shape. */
export function activation(operation: string, input: Tensor, f: Activation): Tensor {
  const output = outputOf(operation, [input], input.shape);
  output.backend.run({
    kernel: 'activation',
    inputs: { input: input.slot },
    outputs: { output: output.slot },
    attributes: { length: input.size, activation: f },
  });
  // y = f(x), so dX = dY * f'(x), with f' = 1 where 0 < x < ceiling, the slope below and 0 above.
  return differentiable(output, [input], (dOutput) => [
    gradientFor(input, (dInput) => ({
      kernel: 'activationGradient',
      inputs: { input: input.slot, outputGradient: dOutput.slot },
      outputs: { output: dInput },
      attributes: { length: input.size, activation: f },
    })),
  ]);
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
  // X[r,c] enters Y[r,c] alone, with factor 1 where it is positive and a[c] elsewhere; a[c] enters wherever X[r,c] <= 0:
  //   dX[r,c] = X[r,c] > 0 ? dY[r,c] : a[c] * dY[r,c]
  //   dA[c]   = sum over the r with X[r,c] <= 0 of X[r,c] * dY[r,c]
  const attributes = { length: input.size, channels: slopes.size };
  return differentiable(output, [input, slopes], (dOutput) => [
    gradientFor(input, (dInput) => ({
      kernel: 'preluInputGradient',
      inputs: { input: input.slot, slopes: slopes.slot, outputGradient: dOutput.slot },
      outputs: { output: dInput },
      attributes,
    })),
    gradientFor(slopes, (dSlopes) => ({
      kernel: 'preluSlopesGradient',
      inputs: { input: input.slot, outputGradient: dOutput.slot },
      outputs: { output: dSlopes },
      attributes,
    })),
  ]);
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
  // y = 1 / (1 + e^-x) has y' = e^-x / (1 + e^-x)^2 = y * (1 - y), so dX = dY * y * (1 - y).
  return differentiable(output, [input], (dOutput) => [
    gradientFor(input, (dInput) => ({
      kernel: 'sigmoidGradient',
      inputs: { output: output.slot, outputGradient: dOutput.slot },
      outputs: { output: dInput },
      attributes: { length: input.size },
    })),
  ]);
}
