import { LINEAR } from '../../kernels/kernel';
import { outputOf } from '../operation';
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
  return output;
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
  return output;
}

/** input * factor + offset, for every number. Any shape. */
export function scale(input: Tensor, factor: number, offset = 0): Tensor {
  const output = outputOf('scale', [input], input.shape);
  output.backend.run({
    kernel: 'scale',
    inputs: { input: input.slot },
    outputs: { output: output.slot },
    attributes: { length: input.size, factor, offset },
  });
  return output;
}
