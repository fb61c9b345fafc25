import { gradientFor, outputOf } from '../operation';
import { differentiable } from '../record';
import { formatShape, type Shape, ShapeError, sizeOf } from '../shape';
import { Tensor } from '../tensor';

/** @throws ShapeError when there is no such axis; one that is negative is counted from the end */
function resolveAxis(operation: string, shape: Shape, axis: number): number {
  const along = axis < 0 ? shape.length + axis : axis;
  if (along < 0 || along >= shape.length)
    throw new ShapeError(`${operation}: ${formatShape(shape)} has no axis ${axis}`);
  return along;
}

/**
 * Joins tensors along an axis; all other sides must agree.
 *
 * @param parts one or more tensors of the same rank
 * @param axis  counted from 0, or from the end when negative
 * @throws ShapeError when another side differs
 */
export function concat(parts: readonly Tensor[], axis: number): Tensor {
  if (parts.length === 0) throw new ShapeError('concat: needs at least one tensor');
  const first = parts[0].shape;
  const along = resolveAxis('concat', first, axis);
  for (const { shape } of parts)
    if (shape.length !== first.length || shape.some((side, i) => i !== along && side !== first[i]))
      throw new ShapeError(`concat: ${formatShape(shape)} does not continue ${formatShape(first)} along axis ${axis}`);

  const shape = first.with(
    along,
    parts.reduce((sum, part) => sum + part.shape[along], 0),
  );
  const output = outputOf('concat', parts, shape);
  const outer = sizeOf(first.slice(0, along));
  const inners = parts.map((part) => sizeOf(part.shape.slice(along)));
  output.backend.run({
    kernel: 'concat',
    inputs: { parts: parts.map((part) => part.slot) },
    outputs: { output: output.slot },
    attributes: { outer, inners },
  });
  // Y[o, start of part k + i] = part k [o,i], so each part gets its stretch of dY: dPart k [o,i] = dY[o, start of part k + i].
  const total = sizeOf(shape.slice(along));
  return differentiable(output, parts, (dOutput) => {
    let end = 0;
    return parts.map((part, k) => {
      const start = end;
      end += inners[k];
      return gradientFor(part, (dPart) => ({
        kernel: 'slice',
        inputs: { input: dOutput.slot },
        outputs: { output: dPart },
        attributes: { outer, total, start, inner: inners[k] },
      }));
    });
  });
}

/**
 * A stretch of a tensor along an axis.
 *
 * @param axis  counted from 0, or from the end when negative
 * @param start its first place on the axis
 * @param length how many places it takes
 * @throws ShapeError when it reaches beyond the axis
 */
export function slice(input: Tensor, axis: number, start: number, length: number): Tensor {
  const along = resolveAxis('slice', input.shape, axis);
  const side = input.shape[along];
  if (!Number.isInteger(start) || !Number.isInteger(length) || start < 0 || length < 0 || start + length > side)
    throw new ShapeError(
      `slice: ${length} places from ${start} are not inside axis ${axis} of ${formatShape(input.shape)}`,
    );
  const outer = sizeOf(input.shape.slice(0, along));
  const step = sizeOf(input.shape.slice(along + 1));
  const output = outputOf('slice', [input], input.shape.with(along, length));
  output.backend.run({
    kernel: 'slice',
    inputs: { input: input.slot },
    outputs: { output: output.slot },
    attributes: { outer, total: side * step, start: start * step, inner: length * step },
  });
  // Y[o,i] = X[o, start + i]: dX is dY with zeros before and after.
  return differentiable(output, [input], (dOutput) => {
    const zeros = (places: number) => {
      const shape = input.shape.with(along, places);
      return Tensor.from(input.backend, new Float32Array(sizeOf(shape)), shape);
    };
    const parts = [zeros(start), dOutput, zeros(side - start - length)];
    return [
      concat(
        parts.filter(({ size }) => size > 0),
        along,
      ),
    ];
  });
}
