export type Shape = readonly number[];

/** An operation was given tensors that do not fit; the message names the operation and the shapes. */
export class ShapeError extends Error {
  override name = 'ShapeError';
}

export const sizeOf = (shape: Shape): number => shape.reduce((product, side) => product * side, 1);

export const formatShape = (shape: Shape): string => `[${shape.join(',')}]`;

/** @throws ShapeError when the tensor does not have `rank` axes */
export function expectRank(operation: string, role: string, shape: Shape, rank: number, axes: string): void {
  if (shape.length !== rank)
    throw new ShapeError(`${operation}: ${role} ${formatShape(shape)} has ${shape.length} axes, expected ${axes}`);
}

/** @throws ShapeError when `vector` is not one number for each place on the last axis of `shape` */
export function expectChannels(operation: string, role: string, vector: Shape, shape: Shape): void {
  if (vector.length !== 1 || vector[0] !== shape[shape.length - 1])
    throw new ShapeError(
      `${operation}: ${role} ${formatShape(vector)} does not fit input ${formatShape(shape)}, expected [${shape[shape.length - 1]}]`,
    );
}
