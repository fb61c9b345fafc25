import { gradientFor, outputOf } from '../operation';
import { differentiable } from '../record';
import { ShapeError } from '../shape';
import type { Tensor } from '../tensor';
import { scale } from './arithmetic';

/** The sum of all numbers. Any shape; returns [], a single number. */
export function sum(input: Tensor): Tensor {
  const output = outputOf('sum', [input], []);
  output.backend.run({
    kernel: 'channelSums',
    inputs: { input: input.slot },
    outputs: { output: output.slot },
    attributes: { length: input.size, channels: 1 },
  });
  // y = sum over i of x[i], so every dX[i] = dY.
  return differentiable(output, [input], (dOutput) => [
    gradientFor(input, (dInput) => ({
      kernel: 'repeat',
      inputs: { input: dOutput.slot },
      outputs: { output: dInput },
      attributes: { length: input.size, inputLength: 1 },
    })),
  ]);
}

/**
 * The mean of all numbers: their sum, scaled, and so is its gradient. Any shape; returns [], a single number.
 * @throws ShapeError when there are none
 */
export function mean(input: Tensor): Tensor {
  if (input.size === 0) throw new ShapeError('mean: of no numbers');
  return scale(sum(input), 1 / input.size);
}
