import { outputOf } from '../operation';
import { formatShape, ShapeError, sizeOf } from '../shape';
import type { Tensor } from '../tensor';

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
  const along = axis < 0 ? first.length + axis : axis;
  if (along < 0 || along >= first.length) throw new ShapeError(`concat: ${formatShape(first)} has no axis ${axis}`);
  for (const { shape } of parts)
    if (shape.length !== first.length || shape.some((side, i) => i !== along && side !== first[i]))
      throw new ShapeError(`concat: ${formatShape(shape)} does not continue ${formatShape(first)} along axis ${axis}`);

  const shape = first.with(
    along,
    parts.reduce((sum, part) => sum + part.shape[along], 0),
  );
  const output = outputOf('concat', parts, shape);
  output.backend.run({
    kernel: 'concat',
    inputs: { parts: parts.map((part) => part.slot) },
    outputs: { output: output.slot },
    attributes: {
      outer: sizeOf(first.slice(0, along)),
      inners: parts.map((part) => sizeOf(part.shape.slice(along))),
    },
  });
  return output;
}
