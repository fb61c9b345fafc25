/**
 * Operations that networks of other people are made of; see graph-kernels.ts. They have no gradient: asking for one
 * throws. Any shape, unless said otherwise.
 */
import { type BinaryFunction, MOST_AXES, type Reduction, type UnaryFunction } from '../../kernels/graph-kernels';
import { outputOf } from '../operation';
import { differentiable } from '../record';
import { formatShape, type Shape, ShapeError, sizeOf } from '../shape';
import type { Tensor } from '../tensor';

const withoutGradient = (output: Tensor, inputs: readonly Tensor[]): Tensor => differentiable(output, inputs, () => []);

/** f(x) for every number, with the parameters that the function has. */
export function unary(input: Tensor, name: UnaryFunction, a = 0, b = 0): Tensor {
  const output = outputOf(name, [input], input.shape);
  output.backend.run({
    kernel: 'unary',
    inputs: { input: input.slot },
    outputs: { output: output.slot },
    attributes: { length: input.size, function: name, a, b },
  });
  return withoutGradient(output, [input]);
}

/**
 * f(left, right), an operand's axes of side 1 repeated along the other's.
 *
 * @param left, right of the same rank
 * @throws ShapeError when two sides differ and neither is 1
 */
export function binary(left: Tensor, right: Tensor, name: BinaryFunction): Tensor {
  if (left.shape.length !== right.shape.length)
    throw new ShapeError(`${name}: ${formatShape(left.shape)} and ${formatShape(right.shape)} differ in rank`);
  const shape = left.shape.map((side, axis) => {
    const other = right.shape[axis];
    if (side !== other && side !== 1 && other !== 1)
      throw new ShapeError(
        `${name}: ${formatShape(left.shape)} and ${formatShape(right.shape)} differ on axis ${axis}`,
      );
    return side === 1 ? other : side;
  });
  const strides = [left, right].map((operand) =>
    stridesOf(operand.shape).map((stride, axis) => (operand.shape[axis] === 1 ? 0 : stride)),
  );
  const output = outputOf(name, [left, right], shape);
  const merged = merge(name, shape, strides);
  output.backend.run({
    kernel: 'binary',
    inputs: { left: left.slot, right: right.slot },
    outputs: { output: output.slot },
    attributes: {
      function: name,
      sides: merged.sides,
      leftStrides: merged.strides[0],
      rightStrides: merged.strides[1],
    },
  });
  return withoutGradient(output, [left, right]);
}

/**
 * The numbers of a tensor read in another order: number [i0,i1,...] is the one at offset + sum of i * strides.
 * @throws ShapeError when that is outside of the tensor
 */
export function view(input: Tensor, shape: Shape, strides: readonly number[], offset = 0): Tensor {
  const ends = shape.map((side, axis) => (side - 1) * strides[axis]);
  const lowest = ends.reduce((sum, end) => sum + Math.min(0, end), offset);
  const highest = ends.reduce((sum, end) => sum + Math.max(0, end), offset);
  if (lowest < 0 || highest >= input.size)
    throw new ShapeError(`view: ${formatShape(shape)} reaches outside of ${formatShape(input.shape)}`);
  const merged = merge('view', shape, [strides]);
  const [[innermost]] = [merged.strides[0].slice(-1)];
  if (offset === 0 && merged.sides.length === 1 && innermost === 1 && merged.sides[0] === input.size)
    return input.reshape(...shape);
  const output = outputOf('view', [input], shape);
  output.backend.run({
    kernel: 'view',
    inputs: { input: input.slot },
    outputs: { output: output.slot },
    attributes: { sides: merged.sides, strides: merged.strides[0], offset },
  });
  return withoutGradient(output, [input]);
}

/**
 * Weighted places of one axis.
 *
 * @param places, weights [taps, outSide]: place t of output j, a whole number, or -1 for what counts as `fill`
 */
export function resample(input: Tensor, axis: number, places: Tensor, weights: Tensor, fill = 0): Tensor {
  const [taps, outSide] = places.shape;
  const output = outputOf('resample', [input, places, weights], input.shape.with(axis, outSide));
  output.backend.run({
    kernel: 'resample',
    inputs: { input: input.slot, places: places.slot, weights: weights.slot },
    outputs: { output: output.slot },
    attributes: {
      outer: sizeOf(input.shape.slice(0, axis)),
      side: input.shape[axis],
      outSide,
      inner: sizeOf(input.shape.slice(axis + 1)),
      taps,
      fill,
    },
  });
  return withoutGradient(output, [input, places, weights]);
}

/** @param input [outer, count, inner]; @returns [outer, inner] */
export function reduce(input: Tensor, name: Reduction): Tensor {
  const [outer, count, inner] = input.shape;
  const output = outputOf(name, [input], [outer, inner]);
  output.backend.run({
    kernel: 'reduce',
    inputs: { input: input.slot },
    outputs: { output: output.slot },
    attributes: { function: name, outer, count, inner },
  });
  return withoutGradient(output, [input]);
}

/** How far apart neighbours on each axis lie in row-major order. */
export const stridesOf = (shape: Shape): number[] => shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));

/** The same walk with fewer axes: those of side 1 left out, and those joined that every operand walks as one. */
function merge(operation: string, shape: Shape, strides: readonly (readonly number[])[]) {
  const sides: number[] = [];
  const joined: number[][] = strides.map(() => []);
  for (const [axis, side] of shape.entries()) {
    if (side === 1) continue;
    const last = sides.length - 1;
    if (last >= 0 && strides.every((operand, k) => joined[k][last] === operand[axis] * side)) {
      sides[last] *= side;
      for (const [k, operand] of strides.entries()) joined[k][last] = operand[axis];
    } else {
      sides.push(side);
      for (const [k, operand] of strides.entries()) joined[k].push(operand[axis]);
    }
  }
  if (sides.length > MOST_AXES)
    throw new ShapeError(`${operation}: ${formatShape(shape)} has ${sides.length} axes; ${MOST_AXES} are the most`);
  if (sides.length === 0) {
    sides.push(1);
    for (const ofOperand of joined) ofOperand.push(1);
  }
  return { sides, strides: joined };
}
