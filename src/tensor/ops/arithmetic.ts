import { LINEAR } from '../../kernels/kernel';
import { biasGradient, outputOf } from '../operation';
import { differentiable } from '../record';
import { formatShape, ShapeError } from '../shape';
import type { Tensor } from '../tensor';

/** `right` has the shape of `left`, or of its last axes, and is then repeated over the others. */
function expectRepeatable(operation: string, left: Tensor, right: Tensor): void {
  const tail = left.shape.slice(left.shape.length - right.shape.length);
  if (right.shape.length > left.shape.length || right.shape.some((side, axis) => side !== tail[axis]))
    throw new ShapeError(
      `${operation}: ${formatShape(right.shape)} is neither the shape of ${formatShape(left.shape)} nor of its last axes`,
    );
}

function expectSame(operation: string, left: Tensor, right: Tensor): void {
  if (formatShape(left.shape) !== formatShape(right.shape))
    throw new ShapeError(`${operation}: ${formatShape(left.shape)} and ${formatShape(right.shape)} differ`);
}

/**
 * left + right: the residual add, or a vector added at every position.
 *
 * @param right the shape of `left`, or of its last axes
 * @returns the shape of `left`
 */
export function add(left: Tensor, right: Tensor): Tensor {
  expectRepeatable('add', left, right);
  const output = outputOf('add', [left, right], left.shape);
  output.backend.run({
    kernel: 'add',
    inputs: { left: left.slot, right: right.slot },
    outputs: { output: output.slot },
    attributes: { length: left.size, rightLength: right.size, activation: LINEAR },
  });
  // Y[r,c] = L[r,c] + R[c], c counting through the axes that the two share: both get dY as it is, R from every row.
  //   dL[r,c] = dY[r,c];   dR[c] = sum over r of dY[r,c]
  return differentiable(output, [left, right], (dOutput) => [dOutput, sumOfRows(dOutput, right)]);
}

/**
 * left * right, number by number.
 *
 * @param right the shape of `left`, or of its last axes
 * @returns the shape of `left`
 */
export function multiply(left: Tensor, right: Tensor): Tensor {
  expectRepeatable('multiply', left, right);
  const output = outputOf('multiply', [left, right], left.shape);
  output.backend.run({
    kernel: 'multiply',
    inputs: { left: left.slot, right: right.slot },
    outputs: { output: output.slot },
    attributes: { length: left.size, rightLength: right.size },
  });
  // Y[r,c] = L[r,c] * R[c]:
  //   dL[r,c] = dY[r,c] * R[c];   dR[c] = sum over r of dY[r,c] * L[r,c]
  return differentiable(output, [left, right], (dOutput) => [
    left.requiresGradient ? multiply(dOutput, right) : undefined,
    right.requiresGradient ? sumOfRows(multiply(dOutput, left), right) : undefined,
  ]);
}

/** The gradient of `right`, which was repeated over the rows of `dRepeated`. */
const sumOfRows = (dRepeated: Tensor, right: Tensor): Tensor | undefined =>
  dRepeated.size === right.size && dRepeated.shape.length === right.shape.length
    ? dRepeated
    : biasGradient(right, dRepeated);

/** input * factor + offset, for every number. Any shape. */
export function scale(input: Tensor, factor: number, offset = 0): Tensor {
  const output = outputOf('scale', [input], input.shape);
  output.backend.run({
    kernel: 'scale',
    inputs: { input: input.slot },
    outputs: { output: output.slot },
    attributes: { length: input.size, factor, offset },
  });
  // y = factor * x + offset, so dX = factor * dY.
  return differentiable(output, [input], (dOutput) => [scale(dOutput, factor)]);
}

/**
 * left * leftFactor + right * rightFactor, number by number: moving averages and the steps of optimisers.
 *
 * @param right the shape of `left`
 * @returns the same shape
 */
export function combine(left: Tensor, leftFactor: number, right: Tensor, rightFactor: number): Tensor {
  expectSame('combine', left, right);
  const output = outputOf('combine', [left, right], left.shape);
  output.backend.run({
    kernel: 'combine',
    inputs: { left: left.slot, right: right.slot },
    outputs: { output: output.slot },
    attributes: { length: left.size, leftFactor, rightFactor },
  });
  // y = a * l + b * r, so dL = a * dY and dR = b * dY.
  return differentiable(output, [left, right], (dOutput) => [
    left.requiresGradient ? scale(dOutput, leftFactor) : undefined,
    right.requiresGradient ? scale(dOutput, rightFactor) : undefined,
  ]);
}

export interface AdamStep {
  /** The learning rate, with the corrections for the bias of the averages in it. */
  rate: number;
  epsilon: number;
  /** What decoupled weight decay leaves of the parameter: 1 - learning rate * decay. */
  shrink: number;
}

/**
 * The parameter after a step of AdamW (Loshchilov and Hutter 2019):
 * parameter * shrink - rate * mean / (sqrt(square) + epsilon). It ends a training step, so it has no gradient.
 *
 * @param mean   the moving average of the gradient, in the parameter's shape
 * @param square the moving average of its square, likewise
 * @returns the same shape
 */
export function adamStep(parameter: Tensor, mean: Tensor, square: Tensor, { rate, epsilon, shrink }: AdamStep): Tensor {
  expectSame('adamStep', parameter, mean);
  expectSame('adamStep', parameter, square);
  const output = outputOf('adamStep', [parameter, mean, square], parameter.shape);
  output.backend.run({
    kernel: 'adamStep',
    inputs: { parameter: parameter.slot, mean: mean.slot, square: square.slot },
    outputs: { output: output.slot },
    attributes: { length: parameter.size, rate, epsilon, shrink },
  });
  return differentiable(output, [parameter, mean, square], () => []);
}
