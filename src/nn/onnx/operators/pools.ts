import { reduce } from '../../../tensor/ops/graph';
import { averagePool2d, maxPool2d } from '../../../tensor/ops/pool2d';
import { formatShape } from '../../../tensor/shape';
import { combine, reduced, scaled } from '../arithmetic';
import type { NodeReader, Operators } from '../node';
import { device, host, type Value } from '../value';
import { type AxisWindow, imageWindow, paddedFor, unfolded, windowsOf } from '../windows';
import type { Workbench } from '../workbench';
import { CHANNELS_LAST, ofImage } from './convolutions';

function windows(node: NodeReader, { shape }: Value): AxisWindow[] {
  const sides = shape.slice(2);
  const found = windowsOf(node, sides, node.ints('kernel_shape') ?? []);
  for (const { side, before, after, size, dilation } of found)
    if (Math.max(before, after) > Math.max(side, (size - 1) * dilation) || size > 3 * side + 1)
      throw new Error(`padding ${before} + ${after} and a window of ${size} are too much for a side of ${side}`);
  return found;
}

const isImageWindow = (found: readonly AxisWindow[]): boolean =>
  found.length <= 2 && found.every(({ dilation }) => dilation === 1);

/** Of a signal [batch, channels, length] as an image of one row. */
function poolImage(
  bench: Workbench,
  value: Value,
  found: readonly AxisWindow[],
  pool: typeof maxPool2d | typeof averagePool2d,
): Value {
  const [batch, channels, ...sides] = value.shape;
  const row: AxisWindow = { side: 1, size: 1, stride: 1, dilation: 1, before: 0, after: 0, out: 1 };
  const sliding = found.length === 1 ? [row, ...found] : found;
  const image = bench.reshape(value, [batch, channels, ...(sides.length === 1 ? [1, ...sides] : sides)]);
  const shape = [batch, channels, ...found.map(({ out }) => out)];
  const input = bench.placed(image, CHANNELS_LAST);
  bench.expectRoomFor(shape, input);
  const output = pool(input, { ...imageWindow(sliding), size: [sliding[0].size, sliding[1].size] });
  return ofImage(bench, value, output, shape);
}

function maxPool(node: NodeReader, bench: Workbench): Value {
  if (node.hasOutput(1)) throw new Error('the places of the largest numbers (its second output) are not supported');
  const value = node.input(0);
  const found = windows(node, value);
  if (isImageWindow(found)) return poolImage(bench, value, found, maxPool2d);
  const rows = unfolded(bench, value, found, Number.NEGATIVE_INFINITY);
  return ofRows(bench, value, found, rows, 'maximum');
}

function ofRows(
  bench: Workbench,
  value: Value,
  found: readonly AxisWindow[],
  rows: ReturnType<typeof unfolded>,
  name: 'maximum' | 'sum',
): Value {
  const shape = [value.shape[0], value.shape[1], ...found.map(({ out }) => out)];
  bench.expectRoomFor(shape, rows);
  return device(value.type, shape, reduce(rows, name), [0, ...found.map((_, k) => k + 2), 1]);
}

function averagePool(node: NodeReader, bench: Workbench): Value {
  const value = node.input(0);
  const found = windows(node, value);
  const isPaddingCounted = node.int('count_include_pad', 0) !== 0;
  if (isImageWindow(found)) {
    if (!isPaddingCounted) return poolImage(bench, value, found, averagePool2d);
    // Zeros that are part of the image count; what lies beyond them, where ceil_mode made room, does not.
    const grown = found.map((window) => ({ ...window, length: window.side + window.before + window.after }));
    const padded = grown.reduce<Value>((image, { side, before, length }, k) => {
      return bench.pick(image, k + 2, length, (at) => (at >= before && at - before < side ? at - before : -1));
    }, value);
    const inside = grown.map(({ length, ...window }) => ({ ...window, side: length, before: 0, after: 0 }));
    return poolImage(bench, padded, inside, averagePool2d);
  }
  const sums = ofRows(bench, value, found, unfolded(bench, value, found, 0), 'sum');
  // How many positions of each window count, along one axis after the other.
  return found.reduce<Value>((mean, window, k) => {
    const counts = Float64Array.from({ length: window.out }, (_, i) => 1 / counted(window, i, isPaddingCounted));
    const shape = [1, 1, ...found.map((_, axis) => (axis === k ? window.out : 1))];
    return combine(bench, mean, host('float32', shape, counts), 'multiply');
  }, sums);
}

function counted({ side, size, stride, dilation, before, after }: AxisWindow, i: number, isPaddingCounted: boolean) {
  const [first, end] = isPaddingCounted ? [-before, side + after] : [0, side];
  let count = 0;
  for (let p = 0; p < size; p++) {
    const place = i * stride + p * dilation - before;
    if (place >= first && place < end) count++;
  }
  return Math.max(1, count);
}

const positions = (value: Value): number[] => {
  if (value.shape.length < 3) throw new Error(`${formatShape(value.shape)} is no image`);
  return [...value.shape.keys()].slice(2);
};

/** x / (bias + alpha / size * sum of the squares of `size` neighbouring channels) ^ beta (Krizhevsky et al. 2012). */
function responseNorm(node: NodeReader, bench: Workbench): Value {
  const value = node.input(0);
  const size = node.int('size', 0);
  if (!(size >= 1 && size <= 2 * value.shape[1])) throw new Error(`its size ${size} is no number of channels`);
  const squares = combine(bench, value, value, 'multiply');
  const [batch, channels, ...sides] = value.shape;
  const before = Math.floor((size - 1) / 2);
  const window = { side: channels, size, stride: 1, dilation: 1, before, after: size - 1 - before, out: channels };
  // The channels as a signal, of which means are made.
  const signal = bench.transpose(squares, [0, ...sides.map((_, k) => k + 2), 1]);
  const flat = bench.reshape(paddedFor(bench, signal, signal.shape.length - 1, window, 0), [
    batch * sides.reduce((product, side) => product * side, 1),
    1,
    channels + size - 1,
  ]);
  const means = poolImage(bench, flat, [{ ...window, side: channels + size - 1, before: 0, after: 0 }], averagePool2d);
  const back = bench.transpose(bench.reshape(means, [batch, ...sides, channels]), [
    0,
    sides.length + 1,
    ...sides.map((_, k) => k + 1),
  ]);
  const sums = scaled(bench, back, node.float('alpha', 1e-4), node.float('bias', 1));
  const power = combine(bench, sums, host('float32', [], [-node.float('beta', 0.75)]), 'power');
  return combine(bench, value, power, 'multiply');
}

export const pools: Operators = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: (node, bench) => reduced(bench, node.input(0), positions(node.input(0)), 'mean', true),
  GlobalMaxPool: (node, bench) => reduced(bench, node.input(0), positions(node.input(0)), 'maximum', true),
  LRN: responseNorm,
};
