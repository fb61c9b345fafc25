import { stridesOf } from '../../tensor/ops/graph';
import { formatShape, type Shape, sizeOf } from '../../tensor/shape';
import type { Tensor } from '../../tensor/tensor';
import type { ElementType } from './element';

/** Numbers that are known before the network runs: weights, shapes, and whatever follows from them alone. Row-major. */
export interface HostValue {
  readonly kind: 'host';
  readonly type: ElementType;
  readonly shape: Shape;
  readonly values: ArrayLike<number>;
}

/**
 * Numbers on the backend. They need not lie in the order in which the file counts them: each side of the shape, in the
 * file's order, is a product of `factors`, and `order` tells which factor each axis in memory is, slowest first. So an
 * image [n,c,h,w] whose channels come last has factors [n,c,h,w] and order [0,2,3,1]; to transpose or to flatten it only
 * changes how it is described. Sides of 1 have no factor.
 */
export interface DeviceValue {
  readonly kind: 'device';
  readonly type: ElementType;
  readonly shape: Shape;
  /** Its own shape is of no importance. */
  readonly tensor: Tensor;
  readonly factors: readonly number[];
  readonly order: readonly number[];
  /** Copies in other orders that were made for somebody already. */
  readonly copies: Map<string, Tensor>;
}

export type Value = HostValue | DeviceValue;

export const host = (type: ElementType, shape: Shape, values: ArrayLike<number>): HostValue => ({
  kind: 'host',
  type,
  shape,
  values,
});

/** Numbers in memory as the sides of the file's shape in the order `axes`. */
export function device(type: ElementType, shape: Shape, tensor: Tensor, axes: readonly number[]): DeviceValue {
  const long = [...shape.keys()].filter((axis) => shape[axis] !== 1);
  return {
    kind: 'device',
    type,
    shape,
    tensor,
    factors: long.map((axis) => shape[axis]),
    order: axes.filter((axis) => shape[axis] !== 1).map((axis) => long.indexOf(axis)),
    copies: new Map(),
  };
}

export const fileOrder = (shape: Shape): number[] => [...shape.keys()];

/** For each axis the places of its factors. */
export function factorsOfAxes({ shape, factors }: DeviceValue): number[][] {
  let next = 0;
  return shape.map((side) => {
    const own: number[] = [];
    for (let rest = side; rest > 1; rest /= factors[next - 1]) own.push(next++);
    return own;
  });
}

/**
 * The axes as they follow one another in memory, by the slowest factor of each. Those of side 1 have no place there: they
 * get the one that they have in images with channels last, for what makes them longer.
 */
export function axesInMemory(value: DeviceValue): number[] {
  const places = factorsOfAxes(value).map((own) => value.order.indexOf(own[0] ?? -1));
  const axes = fileOrder(value.shape)
    .filter((axis) => places[axis] >= 0)
    .sort((a, b) => places[a] - places[b]);
  const isImage = value.shape.length > 2;
  for (const axis of value.shape.keys()) {
    if (places[axis] >= 0) continue;
    const before = isImage && axis === 2 ? 0 : axis - 1;
    axes.splice(isImage && axis === 1 ? axes.length : axes.indexOf(before) + 1, 0, axis);
  }
  return axes;
}

/** The same numbers with the axes in another order: nothing moves. */
export function turned(value: DeviceValue, perm: readonly number[]): DeviceValue {
  const own = factorsOfAxes(value);
  const moved = perm.flatMap((axis) => own[axis]);
  return {
    ...value,
    shape: perm.map((axis) => value.shape[axis]),
    factors: moved.map((factor) => value.factors[factor]),
    order: value.order.map((factor) => moved.indexOf(factor)),
    copies: new Map(),
  };
}

/** The same numbers in another shape, if that can be described without moving any. */
export function reshaped(value: DeviceValue, shape: Shape): DeviceValue | undefined {
  const sides = shape.filter((side) => side !== 1);
  const factors: number[] = [];
  /** What each old factor falls into. */
  const parts: number[][] = value.factors.map(() => []);
  let side = 0;
  let left = sides[0] ?? 1;
  for (const [k, factor] of value.factors.entries()) {
    let rest = factor;
    while (rest > 1) {
      const part = Math.min(rest, left);
      if (part === 1 || rest % part !== 0 || left % part !== 0) return undefined;
      parts[k].push(factors.length);
      factors.push(part);
      rest /= part;
      left /= part;
      if (left === 1) left = sides[++side] ?? 1;
    }
  }
  return { ...value, shape, factors, order: value.order.flatMap((factor) => parts[factor]), copies: new Map() };
}

/** How far apart in memory neighbours along each factor lie. */
export function stridesOfFactors({ factors, order }: DeviceValue): number[] {
  const inMemory = stridesOf(order.map((factor) => factors[factor]));
  return factors.map((_, factor) => inMemory[order.indexOf(factor)]);
}

/** The shape that two make when axes of side 1, or missing before the first, are repeated (ONNX's broadcasting). */
export function broadcastShape(left: Shape, right: Shape): number[] {
  const rank = Math.max(left.length, right.length);
  return Array.from({ length: rank }, (_, axis) => {
    const [l, r] = [left, right].map((shape) => shape[axis - rank + shape.length] ?? 1);
    if (l !== r && l !== 1 && r !== 1)
      throw new Error(`${formatShape(left)} and ${formatShape(right)} do not fit together`);
    return l === 1 ? r : l;
  });
}

/** With axes of side 1 before the others, so that there are `rank`. */
export function withRank<V extends Value>(value: V, rank: number): V {
  const missing = rank - value.shape.length;
  return missing > 0 ? { ...value, shape: [...new Array<number>(missing).fill(1), ...value.shape] } : value;
}

/** The most places of an axis, or numbers of an operand, that are listed one by one. In float32 they are exact. */
const MOST_PLACES = 2 ** 22;

/** To be asked before such a list is made. @throws Error when it is longer than any network needs */
export function expectPlaces(count: number): void {
  if (!(count <= MOST_PLACES)) throw new Error(`${count} places are more than the ${MOST_PLACES} that can be listed`);
}

/** An axis counted from the end when negative. @throws Error when there is none */
export function axisOf(axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || resolved < 0 || resolved >= rank)
    throw new Error(`there is no axis ${axis} in a shape of ${rank} sides`);
  return resolved;
}

/** The numbers of a list: of sides, axes or places. @throws Error when it is longer than any network needs */
export function listOf({ values }: HostValue): number[] {
  expectPlaces(values.length);
  return Array.from(values);
}

export const isSingle = (value: Value): value is HostValue => value.kind === 'host' && sizeOf(value.shape) === 1;
