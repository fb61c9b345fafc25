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
 * left * leftFactor + right * rightFactor, number by number: moving averages.
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

/**
 * numerator / (sqrt(square) + epsilon), number by number: the length of many gradients from the sum of their squares,
 * without reading it. It has no gradient.
 *
 * @param square in the shape of `numerator`, from 0
 * @returns the same shape
 */
export function divideByRoot(numerator: Tensor, square: Tensor, epsilon: number): Tensor {
  expectSame('divideByRoot', numerator, square);
  const output = outputOf('divideByRoot', [numerator, square], numerator.shape);
  output.backend.run({
    kernel: 'divideByRoot',
    inputs: { numerator: numerator.slot, square: square.slot },
    outputs: { output: output.slot },
    attributes: { length: numerator.size, epsilon },
  });
  return differentiable(output, [numerator, square], () => []);
}
