import type { Backend } from '../../kernels/backend';
import { forEachPlace } from '../../kernels/reference/view';
import { concat } from '../../tensor/ops/concat';
import { resample, stridesOf, view } from '../../tensor/ops/graph';
import type { Taps } from '../../tensor/ops/taps';
import { formatShape, type Shape, sizeOf } from '../../tensor/shape';
import { Tensor } from '../../tensor/tensor';
import { TracingBackend } from '../../tensor/trace';
import { transposed } from './graph';
import {
  axesInMemory,
  type DeviceValue,
  device,
  expectPlaces,
  factorsOfAxes,
  fileOrder,
  type HostValue,
  host,
  reshaped,
  stridesOfFactors,
  turned,
  type Value,
} from './value';

/** The most parts of a value that are computed one after the other, each by operations of its own. */
const MOST_PARTS = 2 ** 16;

/**
 * What operators do to values, wherever these are: those on the host are computed at once, and all others by operations
 * on tensors. Values are moved in memory only where an operation needs an order that they do not have.
 */
export class Workbench {
  readonly backend: Backend;
  readonly #limit: number;
  #spent = 0;

  /** @param limit bytes that one value, and all constants together, may take */
  constructor(backend: Backend, limit: number) {
    this.backend = backend;
    this.#limit = limit;
  }

  /** To be asked before a value is made. @throws Error when it is too large, or with it all constants are */
  expectRoom(shape: Shape, isConstant: boolean): void {
    const bytes = sizeOf(shape) * this.backend.bytesOfNumber;
    if (isConstant) this.#spent += bytes;
    if (!(Math.max(bytes, this.#spent) <= this.#limit))
      throw new Error(
        `${formatShape(shape)} would take more than the ${Math.floor(this.#limit / 2 ** 20)} MB that are allowed`,
      );
  }

  /** The same, for what an operation makes of tensors: constant if all of them are. */
  expectRoomFor(shape: Shape, ...inputs: readonly Tensor[]): void {
    this.expectRoom(
      shape,
      inputs.every(({ backend }) => !(backend instanceof TracingBackend)),
    );
  }

  /** To be asked before a value is made of parts. @throws Error when they are more than a plan should have operations */
  expectParts(count: number): void {
    if (count > MOST_PARTS)
      throw new Error(`${count} parts are more than the ${MOST_PARTS} that are computed one by one`);
  }

  constant(values: ArrayLike<number>, shape: Shape): Tensor {
    this.expectRoom(shape, true);
    return Tensor.from(this.backend, values, shape);
  }

  /** The numbers on the backend, in memory as `axes` says: a tensor whose shape is that of those axes. */
  placed(value: Value, axes: readonly number[] = fileOrder(value.shape)): Tensor {
    const shape = axes.map((axis) => value.shape[axis]);
    if (value.kind === 'host') {
      const isInOrder = axes.every((axis, k) => axis === k);
      return this.constant(isInOrder ? value.values : transposed(value.values, value.shape, axes), shape);
    }
    const own = factorsOfAxes(value);
    return this.inOrder(
      value,
      axes.flatMap((axis) => own[axis]),
    ).reshape(...shape);
  }

  /** The numbers in memory in another order of their factors. */
  inOrder(value: DeviceValue, order: readonly number[]): Tensor {
    const key = formatShape(order);
    if (key === formatShape(value.order)) return value.tensor;
    const known = value.copies.get(key);
    if (known) return known;
    const strides = stridesOfFactors(value);
    this.expectRoomFor(value.shape, value.tensor);
    const copy = view(
      value.tensor,
      order.map((factor) => value.factors[factor]),
      order.map((factor) => strides[factor]),
    );
    value.copies.set(key, copy);
    return copy;
  }

  /** The same value on the backend, in the order of the file unless it is there already. */
  onDevice(value: Value): DeviceValue {
    return value.kind === 'device'
      ? value
      : device(value.type, value.shape, this.placed(value), fileOrder(value.shape));
  }

  transpose(value: Value, perm: readonly number[]): Value {
    if (value.kind === 'device') return turned(value, perm);
    const shape = perm.map((axis) => value.shape[axis]);
    this.expectRoom(shape, true);
    return host(value.type, shape, transposed(value.values, value.shape, perm));
  }

  reshape(value: Value, shape: Shape): Value {
    if (sizeOf(shape) !== sizeOf(value.shape))
      throw new Error(`${formatShape(value.shape)} has ${sizeOf(value.shape)} numbers, ${formatShape(shape)} has not`);
    if (value.kind === 'host') return { ...value, shape };
    return reshaped(value, shape) ?? device(value.type, shape, this.placed(value), fileOrder(shape));
  }

  /** Every `steps`-th place (backwards if negative) of each axis from `starts` on, `sides` of them; step 0 repeats one. */
  strided(value: Value, sides: Shape, starts: readonly number[], steps: readonly number[]): Value {
    const axes = value.kind === 'host' ? fileOrder(value.shape) : axesInMemory(value);
    const strides = stridesOf(axes.map((axis) => value.shape[axis]));
    const offset = axes.reduce((sum, axis, k) => sum + starts[axis] * strides[k], 0);
    const walked = axes.map((axis, k) => steps[axis] * strides[k]);
    const made = axes.map((axis) => sides[axis]);
    if (value.kind === 'host') {
      this.expectRoom(sides, true);
      const values = new Float64Array(sizeOf(sides));
      forEachPlace(made, [walked], (place, [from]) => {
        values[place] = value.values[offset + from];
      });
      return host(value.type, sides, values);
    }
    const tensor = this.placed(value, axes);
    this.expectRoomFor(sides, tensor);
    return device(value.type, sides, view(tensor, made, walked, offset), axes);
  }

  /** The part of an axis that begins at `start`. */
  slice(value: Value, axis: number, start: number, length: number): Value {
    const { shape } = value;
    if (start === 0 && length === shape[axis]) return value;
    return this.strided(
      value,
      shape.with(axis, length),
      shape.map((_, k) => (k === axis ? start : 0)),
      shape.map(() => 1),
    );
  }

  /** Axes of side 1 repeated. @param shape of the value's own rank */
  expand(value: Value, shape: Shape): Value {
    if (formatShape(shape) === formatShape(value.shape)) return value;
    return this.strided(
      value,
      shape,
      shape.map(() => 0),
      shape.map((side, axis) => (side === value.shape[axis] ? 1 : 0)),
    );
  }

  concat(values: readonly Value[], axis: number): Value {
    const [first] = values;
    const total = values.reduce((sum, { shape }) => sum + shape[axis], 0);
    for (const { shape } of values)
      if (shape.length !== first.shape.length || shape.some((side, k) => k !== axis && side !== first.shape[k]))
        throw new Error(`${formatShape(shape)} does not continue ${formatShape(first.shape)} along axis ${axis}`);
    const shape = first.shape.with(axis, total);
    const filled = values.filter((value) => sizeOf(value.shape) > 0);
    if (filled.length === 1) return filled[0];
    const hosts = filled.filter((value): value is HostValue => value.kind === 'host');
    if (hosts.length === filled.length) {
      this.expectRoom(shape, true);
      const result = new Float64Array(sizeOf(shape));
      const run = sizeOf(shape.slice(axis));
      let start = 0;
      for (const { shape: own, values: numbers } of hosts) {
        const length = sizeOf(own.slice(axis));
        for (let k = 0; k < numbers.length; k++)
          result[Math.floor(k / length) * run + start + (k % length)] = numbers[k];
        start += length;
      }
      return host(first.type, shape, result);
    }
    const devices = filled.filter((value): value is DeviceValue => value.kind === 'device');
    const axes = axesInMemory(devices.reduce((a, b) => (sizeOf(b.shape) > sizeOf(a.shape) ? b : a)));
    const parts = filled.map((value) => this.placed(value, axes));
    this.expectRoomFor(shape, ...parts);
    return device(devices[0].type, shape, concat(parts, axes.indexOf(axis)), axes);
  }

  /** An axis made of weighted places of itself. */
  resample(value: Value, axis: number, taps: Taps): Value {
    const { places, weights, fill } = taps;
    const outSide = places[0].length;
    const shape = value.shape.with(axis, outSide);
    if (value.kind === 'host') {
      this.expectRoom(shape, true);
      const [side, inner] = [value.shape[axis], sizeOf(value.shape.slice(axis + 1))];
      const result = new Float64Array(sizeOf(shape));
      for (let at = 0; at < result.length; at++) {
        const j = Math.floor(at / inner) % outSide;
        const first = Math.floor(at / inner / outSide) * side;
        for (const [t, ofTap] of places.entries()) {
          const from = ofTap[j] < 0 ? fill : value.values[(first + ofTap[j]) * inner + (at % inner)];
          result[at] += weights[t][j] * from;
        }
      }
      return host(value.type, shape, result);
    }
    expectPlaces(value.shape[axis]);
    const axes = axesInMemory(value);
    const tensor = this.placed(value, axes);
    this.expectRoomFor(shape, tensor);
    for (const rows of [places, weights]) this.expectRoom([rows.length, outSide], true);
    return device(value.type, shape, resample(tensor, axes.indexOf(axis), taps), axes);
  }

  /** An axis of `length` places, each one that it had: `source` tells which, -1 for `fill`. */
  pick(value: Value, axis: number, length: number, source: (at: number) => number, fill = 0): Value {
    expectPlaces(length);
    const places = Array.from({ length }, (_, at) => source(at));
    if (places.every((place, k) => place === k) && places.length === value.shape[axis]) return value;
    return this.resample(value, axis, { places: [places], weights: [places.map(() => 1)], fill });
  }
}
