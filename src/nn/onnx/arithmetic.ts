import type { BinaryFunction, Reduction, UnaryFunction } from '../../kernels/graph-kernels';
import { type Activation, isLinear } from '../../kernels/kernel';
import { reductions } from '../../kernels/reference/reduce';
import { unaryFunctions } from '../../kernels/reference/unary';
import { binaryFunctions, forEachPlace } from '../../kernels/reference/view';
import { activation } from '../../tensor/ops/activations';
import { add, multiply, scale } from '../../tensor/ops/arithmetic';
import { globalAveragePool } from '../../tensor/ops/global-average-pool';
import { binary, reduce, stridesOf, unary } from '../../tensor/ops/graph';
import { formatShape, type Shape, sizeOf } from '../../tensor/shape';
import type { Tensor } from '../../tensor/tensor';
import type { ElementType } from './element';
import { isFloat } from './element';
import {
  axesInMemory,
  broadcastShape,
  type DeviceValue,
  device,
  type HostValue,
  host,
  isSingle,
  type Value,
  withRank,
} from './value';
import type { Workbench } from './workbench';

/** Other numbers in the places of these. */
export const inPlaceOf = (value: DeviceValue, tensor: Tensor, type: ElementType = value.type): DeviceValue => ({
  ...value,
  tensor,
  type,
  copies: new Map(),
});

function onHost(bench: Workbench, value: HostValue, f: (x: number) => number): HostValue {
  bench.expectRoom(value.shape, true);
  return { ...value, values: Float64Array.from(value.values, f) };
}

/** f(x) for every number. */
export function apply(bench: Workbench, value: Value, name: UnaryFunction, a = 0, b = 0): Value {
  if (value.kind === 'host') return onHost(bench, value, (x) => unaryFunctions[name](x, a, b));
  bench.expectRoomFor(value.shape, value.tensor);
  return inPlaceOf(value, unary(value.tensor, name, a, b));
}

/** min(ceiling, x > 0 ? x : slope * x): what the plan fuses with what is before it. */
export function activate(bench: Workbench, value: Value, f: Activation): Value {
  const { slope, ceiling } = f;
  if (isLinear(f)) return value;
  if (value.kind === 'host') return onHost(bench, value, (x) => Math.min(ceiling, x > 0 ? x : slope * x));
  bench.expectRoomFor(value.shape, value.tensor);
  return inPlaceOf(value, activation('activation', value.tensor, f));
}

/** x * factor + offset */
export function scaled(bench: Workbench, value: Value, factor: number, offset = 0): Value {
  if (factor === 1 && offset === 0) return value;
  if (value.kind === 'host') return onHost(bench, value, (x) => x * factor + offset);
  bench.expectRoomFor(value.shape, value.tensor);
  return inPlaceOf(value, scale(value.tensor, factor, offset));
}

/** Towards zero. */
export const truncated = (bench: Workbench, value: Value): Value =>
  value.kind === 'host'
    ? onHost(bench, value, Math.trunc)
    : combine(
        bench,
        apply(bench, apply(bench, value, 'clip', 0, Number.POSITIVE_INFINITY), 'floor'),
        apply(bench, apply(bench, value, 'clip', Number.NEGATIVE_INFINITY, 0), 'ceil'),
        'add',
      );

const COMPARISONS = new Set<BinaryFunction>(['equal', 'greater', 'greaterOrEqual']);

/** f(left, right), axes of side 1 repeated. Whole numbers are divided without a remainder. */
export function combine(bench: Workbench, left: Value, right: Value, name: BinaryFunction): Value {
  const isWhole = name === 'divide' && !isFloat(left.type);
  const type = COMPARISONS.has(name) ? 'bool' : left.type;
  const shape = broadcastShape(left.shape, right.shape);
  const [l, r] = [withRank(left, shape.length), withRank(right, shape.length)];
  if (l.kind === 'host' && r.kind === 'host') {
    bench.expectRoom(shape, true);
    const f = binaryFunctions[name];
    const values = new Float64Array(sizeOf(shape));
    forEachPlace(shape, [l, r].map(repeatedStrides), (place, [from, other]) => {
      values[place] = f(l.values[from], r.values[other]);
    });
    return host(type, shape, isWhole ? values.map(Math.trunc) : values);
  }
  // Not by way of 1 / right, whose rounding could leave less than the whole number.
  if (isWhole) return truncated(bench, onDevice(bench, l, r, shape, name));
  const result = withSingle(bench, l, r, name) ?? onDevice(bench, l, r, shape, name);
  return { ...result, type };
}

const repeatedStrides = ({ shape }: Value): number[] =>
  stridesOf(shape).map((stride, axis) => (shape[axis] === 1 ? 0 : stride));

/** What one number that is known does to all others takes no second operand. */
function withSingle(bench: Workbench, left: Value, right: Value, name: BinaryFunction): Value | undefined {
  if (isSingle(right)) {
    const c = right.values[0];
    switch (name) {
      case 'add':
        return scaled(bench, left, 1, c);
      case 'subtract':
        return scaled(bench, left, 1, -c);
      case 'multiply':
        return scaled(bench, left, c);
      case 'divide':
        return c === 0 ? undefined : scaled(bench, left, 1 / c);
      case 'maximum':
        return c === 0
          ? activate(bench, left, { slope: 0, ceiling: Number.POSITIVE_INFINITY })
          : apply(bench, left, 'clip', c, Number.POSITIVE_INFINITY);
      case 'minimum':
        return apply(bench, left, 'clip', Number.NEGATIVE_INFINITY, c);
      case 'power':
        if (c === 1) return left;
        if (c === 2) return combine(bench, left, left, 'multiply');
        return c === 0.5 ? apply(bench, left, 'sqrt') : undefined;
      default:
        return undefined;
    }
  }
  if (!isSingle(left)) return undefined;
  const c = left.values[0];
  switch (name) {
    case 'add':
    case 'multiply':
    case 'maximum':
    case 'minimum':
      return withSingle(bench, right, left, name);
    case 'subtract':
      return scaled(bench, right, -1, c);
    case 'divide':
      return scaled(bench, apply(bench, right, 'reciprocal'), c);
    default:
      return undefined;
  }
}

/** In the order in memory of the operand that has the result's shape. */
function onDevice(bench: Workbench, left: Value, right: Value, shape: Shape, name: BinaryFunction): Value {
  // A constant that is taken off or divided by is one that is added or multiplied with: that the plan can fold.
  if (right.kind === 'host' && name === 'subtract')
    return onDevice(
      bench,
      left,
      onHost(bench, right, (x) => -x),
      shape,
      'add',
    );
  if (
    right.kind === 'host' &&
    name === 'divide' &&
    isFloat(right.type) &&
    !Array.prototype.includes.call(right.values, 0)
  )
    return onDevice(
      bench,
      left,
      onHost(bench, right, (x) => 1 / x),
      shape,
      'multiply',
    );

  const isWhole = (value: Value): value is DeviceValue =>
    value.kind === 'device' && formatShape(value.shape) === formatShape(shape);
  if (isWhole(left) && isWhole(right) && liesAlike(left, right)) {
    bench.expectRoomFor(shape, left.tensor, right.tensor);
    const flat = [left, right].map(({ tensor }) => tensor.reshape(tensor.size));
    return inPlaceOf(left, combined(flat[0], flat[1], name));
  }
  const lead = [left, right].find(isWhole) ?? [left, right].find((value) => value.kind === 'device');
  const axes = lead?.kind === 'device' ? axesInMemory(lead) : [...shape.keys()];
  const [l, r] = [left, right].map((value) => bench.placed(value, axes));
  bench.expectRoomFor(shape, l, r);
  return device(left.type, shape, combined(l, r, name), axes);
}

const liesAlike = (left: DeviceValue, right: DeviceValue): boolean =>
  formatShape(left.factors) === formatShape(right.factors) && formatShape(left.order) === formatShape(right.order);

/** Sums and products in the forms that our own networks have, where they have it. */
function combined(left: Tensor, right: Tensor, name: BinaryFunction): Tensor {
  if (name === 'add' || name === 'multiply') {
    const operation = name === 'add' ? add : multiply;
    const [whole, part] = left.size >= right.size ? [left, right] : [right, left];
    const first = part.shape.findIndex((side) => side !== 1);
    const tail = first < 0 ? [] : part.shape.slice(first);
    const isTail = tail.every((side, k) => side === whole.shape[first + k]);
    const isWhole = formatShape(broadcastShape(left.shape, right.shape)) === formatShape(whole.shape);
    if (isWhole && isTail && (part.size > 1 || whole.size === 1))
      return part.size === whole.size
        ? operation(whole, part.reshape(...whole.shape))
        : operation(whole, part.reshape(...tail));
  }
  return binary(left, right, name);
}

/** The axes reduced one run after the other, as they lie in memory. @param keeps sides of 1 in their places */
export function reduced(
  bench: Workbench,
  value: Value,
  axes: readonly number[],
  name: Reduction | 'mean',
  keeps: boolean,
): Value {
  const kept = value.shape.map((side, axis) => (axes.includes(axis) ? 1 : side));
  const shape = keeps ? kept : kept.filter((_, axis) => !axes.includes(axis));
  const all = axes.reduce((product, axis) => product * value.shape[axis], 1);
  const reduction = name === 'mean' ? 'sum' : name;
  if (value.kind === 'host') {
    bench.expectRoom(kept, true);
    const { start, join } = reductions[reduction];
    const values = new Float64Array(sizeOf(kept)).fill(start);
    const strides = stridesOf(kept).map((stride, axis) => (axes.includes(axis) ? 0 : stride));
    forEachPlace(value.shape, [strides], (place, [to]) => {
      values[to] = join(values[to], value.values[place]);
    });
    return host(value.type, shape, name === 'mean' ? values.map((sum) => sum / all) : values);
  }
  const order = axesInMemory(value).filter((axis) => value.shape[axis] !== 1);
  let tensor = bench.placed(value, axesInMemory(value));
  let sides = order.map((axis) => value.shape[axis]);
  const left = [...order];
  let next = name;
  while (left.some((axis) => axes.includes(axis))) {
    const first = left.findIndex((axis) => axes.includes(axis));
    const after = left.findIndex((axis, k) => k > first && !axes.includes(axis));
    const end = after < 0 ? left.length : after;
    const parts = [sides.slice(0, first), sides.slice(first, end), sides.slice(end)];
    const [outer, count, inner] = parts.map(sizeOf);
    const block = tensor.reshape(outer, count, inner);
    bench.expectRoomFor([outer, inner], tensor);
    tensor = next === 'mean' ? globalAveragePool(block.reshape(outer, count, 1, inner)) : reduce(block, next);
    // Once squared, sums of squares are sums.
    if (next === 'sumOfSquares' || next === 'sumOfMagnitudes') next = 'sum';
    left.splice(first, end - first);
    sides = [...parts[0], ...parts[2]];
  }
  // Nothing was left to reduce: a function of single numbers remains.
  const single =
    next === 'sumOfSquares'
      ? multiply(tensor, tensor)
      : next === 'sumOfMagnitudes'
        ? unary(tensor, 'absolute')
        : tensor;
  const whole = device(value.type, kept, single, axesInMemory(value));
  return keeps ? whole : bench.reshape(whole, shape);
}
