import { view } from '../../tensor/ops/graph';
import { type Shape, sizeOf } from '../../tensor/shape';
import type { Tensor } from '../../tensor/tensor';
import type { NodeReader } from './node';
import type { Value } from './value';
import type { Workbench } from './workbench';

/** How windows slide along one axis. */
export interface AxisWindow {
  side: number;
  size: number;
  stride: number;
  dilation: number;
  /** What is padded before and after. */
  before: number;
  after: number;
  out: number;
}

/** A list with a number for each axis that slides. */
export function perAxis(node: NodeReader, name: string, count: number, otherwise: number): number[] {
  const values = node.ints(name) ?? new Array<number>(count).fill(otherwise);
  const least = otherwise === 0 ? 0 : 1;
  if (values.length !== count || !values.every((value) => Number.isSafeInteger(value) && value >= least))
    throw new Error(`its attribute ${name} [${values}] is not ${count} whole numbers from ${least}`);
  return values;
}

/**
 * The windows of a convolution or a pool (attributes strides, dilations, pads, auto_pad, ceil_mode).
 *
 * @param sides of the axes that slide
 * @param sizes of the window on them
 */
export function windowsOf(node: NodeReader, sides: Shape, sizes: readonly number[]): AxisWindow[] {
  const count = sides.length;
  if (count < 1 || sizes.length !== count || !sizes.every((size) => Number.isSafeInteger(size) && size >= 1))
    throw new Error(`a window [${sizes}] does not slide over an image of sides [${sides}]`);
  const strides = perAxis(node, 'strides', count, 1);
  const dilations = perAxis(node, 'dilations', count, 1);
  const pads = node.has('pads') ? perAxis(node, 'pads', 2 * count, 0) : new Array<number>(2 * count).fill(0);
  const auto = node.text('auto_pad', 'NOTSET');
  const isCeiling = node.int('ceil_mode', 0) !== 0;
  return sides.map((side, axis) => {
    const [size, stride, dilation] = [sizes[axis], strides[axis], dilations[axis]];
    const reach = (size - 1) * dilation + 1;
    if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
      const out = Math.ceil(side / stride);
      const total = Math.max(0, (out - 1) * stride + reach - side);
      const small = Math.floor(total / 2);
      const before = auto === 'SAME_UPPER' ? small : total - small;
      return { side, size, stride, dilation, before, after: total - before, out };
    }
    const [before, after] = auto === 'VALID' ? [0, 0] : [pads[axis], pads[axis + count]];
    const room = side + before + after - reach;
    if (room < 0) throw new Error(`a window of ${reach} does not fit into ${side} padded by ${before} + ${after}`);
    let out = (isCeiling ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1;
    // A window that would begin in the padding after the image is left out.
    if (isCeiling && (out - 1) * stride >= side + before) out--;
    return { side, size, stride, dilation, before, after, out };
  });
}

/** What conv2d() and the pools are told. Below and to the right they are padded as far as their last window reaches. */
export function imageWindow([vertical, horizontal]: readonly AxisWindow[]) {
  const rest = ({ side, size, stride, before, out }: AxisWindow) =>
    Math.max(0, (out - 1) * stride + size - side - before);
  return {
    stride: [vertical.stride, horizontal.stride] as const,
    padding: { top: vertical.before, bottom: rest(vertical), left: horizontal.before, right: rest(horizontal) },
  };
}

/** An axis padded with one number, as far as the windows reach; what no window meets may go. */
export function paddedFor(bench: Workbench, value: Value, axis: number, window: AxisWindow, fill: number): Value {
  const { side, size, stride, dilation, before, out } = window;
  const length = (out - 1) * stride + (size - 1) * dilation + 1;
  if (before === 0 && length <= side) return value;
  return bench.pick(value, axis, length, (at) => (at >= before && at - before < side ? at - before : -1), fill);
}

/**
 * Every window's numbers beside each other.
 *
 * @param value [batch, channels, sides...], any number of sides
 * @param fill  what is outside of the image
 * @returns [batch * outs..., sizes..., channels] as [rows, places, channels]
 */
export function unfolded(bench: Workbench, value: Value, windows: readonly AxisWindow[], fill: number): Tensor {
  const padded = windows.reduce((padded, window, k) => paddedFor(bench, padded, k + 2, window, fill), value);
  const [batch, channels, ...sides] = padded.shape;
  const order = [0, ...sides.map((_, k) => k + 2), 1];
  const tensor = bench.placed(padded, order);
  const strides = sides.map((_, k) => sizeOf(sides.slice(k + 1)) * channels);
  const shape = [batch, ...windows.map(({ out }) => out), ...windows.map(({ size }) => size), channels];
  bench.expectRoomFor(shape, tensor);
  const seen = view(tensor, shape, [
    sizeOf(sides) * channels,
    ...windows.map(({ stride }, k) => stride * strides[k]),
    ...windows.map(({ dilation }, k) => dilation * strides[k]),
    1,
  ]);
  const rows = windows.reduce((product, { out }) => product * out, batch);
  return seen.reshape(rows, seen.size / rows / channels, channels);
}
