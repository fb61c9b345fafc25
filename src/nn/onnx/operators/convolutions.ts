import { add } from '../../../tensor/ops/arithmetic';
import { concat } from '../../../tensor/ops/concat';
import { conv2d } from '../../../tensor/ops/conv2d';
import { conv2dTransposed } from '../../../tensor/ops/conv2d-transposed';
import { depthwiseConv2d } from '../../../tensor/ops/depthwise-conv2d';
import { matmul } from '../../../tensor/ops/matmul';
import { formatShape } from '../../../tensor/shape';
import type { Tensor } from '../../../tensor/tensor';
import type { NodeReader, Operators } from '../node';
import { device, type Value } from '../value';
import { type AxisWindow, imageWindow, perAxis, unfolded, windowsOf } from '../windows';
import type { Workbench } from '../workbench';

/** [batch, height, width, channels] of a value [batch, channels, height, width], and where the axes of such a tensor go. */
export const CHANNELS_LAST = [0, 2, 3, 1];

/** A signal [batch, channels, length] is an image one pixel high. */
const asImage = (bench: Workbench, value: Value): Value =>
  value.shape.length === 3 ? bench.reshape(value, [value.shape[0], value.shape[1], 1, value.shape[2]]) : value;

const ONE_ROW: AxisWindow = { side: 1, size: 1, stride: 1, dilation: 1, before: 0, after: 0, out: 1 };

function convolution(node: NodeReader, bench: Workbench): Value {
  const [value, weights, bias] = [node.input(0), node.input(1), node.optional(2)];
  const [batch, channels, ...sides] = value.shape;
  const [outChannels, perGroup, ...sizes] = weights.shape;
  const groups = node.int('group', 1);
  if (!(groups >= 1) || perGroup * groups !== channels || outChannels % groups !== 0)
    throw new Error(
      `${channels} channels in ${groups} groups do not fit weights ${formatShape(weights.shape)} for ${formatShape(value.shape)}`,
    );
  const declared = node.ints('kernel_shape');
  if (declared && formatShape(declared) !== formatShape(sizes))
    throw new Error(`its kernel_shape [${declared}] is not that of its weights ${formatShape(weights.shape)}`);
  const windows = windowsOf(node, sides, sizes);
  const shape = [batch, outChannels, ...windows.map(({ out }) => out)];
  const convolve = sizes.length > 2 ? convolveUnfolded : convolveImage;
  if (groups === 1) return convolve(bench, value, weights, bias, windows, shape);
  if (perGroup === 1 && sizes.length <= 2) return depthwise(bench, value, weights, bias, windows, shape);
  const each = outChannels / groups;
  bench.expectParts(groups);
  const parts = Array.from({ length: groups }, (_, group) =>
    convolve(
      bench,
      bench.slice(value, 1, group * perGroup, perGroup),
      bench.slice(weights, 0, group * each, each),
      bias && bench.slice(bias, 0, group * each, each),
      windows,
      shape.with(1, each),
    ),
  );
  return bench.concat(parts, 1);
}

type Convolve = (
  bench: Workbench,
  value: Value,
  weights: Value,
  bias: Value | undefined,
  windows: readonly AxisWindow[],
  shape: readonly number[],
) => Value;

const convolveImage: Convolve = (bench, value, weights, bias, windows, shape) => {
  if (windows.some(({ dilation }) => dilation > 1))
    return convolveUnfolded(bench, value, weights, bias, windows, shape);
  const sliding = windows.length === 1 ? [ONE_ROW, ...windows] : windows;
  const input = bench.placed(asImage(bench, value), CHANNELS_LAST);
  const filter = bench.placed(asImage(bench, weights), [2, 3, 1, 0]);
  bench.expectRoomFor(shape, input, filter);
  const output = conv2d(input, filter, { ...imageWindow(sliding), bias: bias && bench.placed(bias) });
  return ofImage(bench, value, output, shape);
};

/** Dilated windows, and those of other than two axes, as a product of all windows' numbers with the weights. */
const convolveUnfolded: Convolve = (bench, value, weights, bias, windows, shape) => {
  const axes = windows.map((_, k) => k + 2);
  const rows = unfolded(bench, value, windows, 0);
  const filter = bench.placed(weights, [...axes, 1, 0]);
  const [outChannels] = weights.shape;
  bench.expectRoomFor(shape, rows, filter);
  const output = matmul(
    rows.reshape(rows.shape[0], rows.shape[1] * rows.shape[2]),
    filter.reshape(filter.size / outChannels, outChannels),
    bias && bench.placed(bias),
  );
  return device(value.type, shape, output, [0, ...axes, 1]);
};

/** A filter for each channel, or several: then each channel is repeated. Between the taps of a dilated one are zeros. */
const depthwise: Convolve = (bench, value, weights, bias, windows, shape) => {
  const [, channels] = value.shape;
  const each = shape[1] / channels;
  const spread = spaced(bench, weights, windows);
  const solid = windows.map((window) => ({ ...window, size: (window.size - 1) * window.dilation + 1, dilation: 1 }));
  const repeated = bench.pick(value, 1, channels * each, (k) => Math.floor(k / each));
  const sliding = solid.length === 1 ? [ONE_ROW, ...solid] : solid;
  const input = bench.placed(asImage(bench, repeated), CHANNELS_LAST);
  const filter = bench.placed(asImage(bench, spread), [2, 3, 0, 1]);
  bench.expectRoomFor(shape, input, filter);
  const output = depthwiseConv2d(input, filter, { ...imageWindow(sliding), bias: bias && bench.placed(bias) });
  return ofImage(bench, value, output, shape);
};

/** Weights [.., .., sizes...] with zeros in the gaps of a dilation between them. */
const spaced = (bench: Workbench, weights: Value, windows: readonly AxisWindow[]): Value =>
  windows.reduce(
    (filter, { size, dilation }, k) =>
      bench.pick(filter, k + 2, (size - 1) * dilation + 1, (at) => (at % dilation === 0 ? at / dilation : -1)),
    weights,
  );

/** What an image operation made of a value of the same number of axes. */
export function ofImage(bench: Workbench, value: Value, output: Tensor, shape: readonly number[]): Value {
  const [batch, height, width, channels] = output.shape;
  const image = device(value.type, [batch, channels, height, width], output, CHANNELS_LAST);
  return bench.reshape(image, shape);
}

/** Each number spreads a copy of the weights [inChannels, outChannels / group, height, width]. */
function transposedConvolution(node: NodeReader, bench: Workbench): Value {
  const [value, weights, bias] = [node.input(0), node.input(1), node.optional(2)];
  const [batch, channels, ...sides] = value.shape;
  const [inChannels, perGroup, ...sizes] = weights.shape;
  const groups = node.int('group', 1);
  if (sides.length > 2 || sides.length < 1 || sizes.length !== sides.length)
    throw new Error(`only images and signals can be convolved so, not ${formatShape(value.shape)}`);
  if (!(groups >= 1) || inChannels !== channels || channels % groups !== 0)
    throw new Error(`weights ${formatShape(weights.shape)} in ${groups} groups do not fit ${formatShape(value.shape)}`);
  const axes = spreadingOf(node, sides, sizes);
  const shape = [batch, perGroup * groups, ...axes.map(({ out }) => out)];
  const spread = spaced(bench, weights, axes);
  const [vertical, horizontal] = axes.length === 1 ? [{ ...ONE_ROW }, axes[0]] : axes;
  const window = {
    height: vertical.out,
    width: horizontal.out,
    strideY: vertical.stride,
    strideX: horizontal.stride,
    top: vertical.before,
    left: horizontal.before,
  };
  const each = channels / groups;
  bench.expectParts(groups);
  const outputs = Array.from({ length: groups }, (_, group) => {
    const [x, k] = [bench.slice(value, 1, group * each, each), bench.slice(spread, 0, group * each, each)];
    const input = bench.placed(asImage(bench, x), CHANNELS_LAST);
    const filter = bench.placed(asImage(bench, k), [2, 3, 1, 0]);
    bench.expectRoomFor(shape, input, filter);
    return conv2dTransposed(input, filter, window);
  });
  const whole = outputs.length === 1 ? outputs[0] : concat(outputs, 3);
  return ofImage(bench, value, bias ? add(whole, bench.placed(bias)) : whole, shape);
}

/** How the copies of the weights are placed along each axis (attributes output_padding, output_shape and so on). */
function spreadingOf(node: NodeReader, sides: readonly number[], sizes: readonly number[]): AxisWindow[] {
  const count = sides.length;
  const strides = perAxis(node, 'strides', count, 1);
  const dilations = perAxis(node, 'dilations', count, 1);
  const more = node.has('output_padding') ? perAxis(node, 'output_padding', count, 0) : sides.map(() => 0);
  const pads = node.has('pads') ? perAxis(node, 'pads', 2 * count, 0) : [...sides, ...sides].map(() => 0);
  const wanted = node.ints('output_shape')?.slice(-count);
  const auto = node.text('auto_pad', 'NOTSET');
  const isSame = auto === 'SAME_UPPER' || auto === 'SAME_LOWER';
  return sides.map((side, axis) => {
    const [size, stride, dilation] = [sizes[axis], strides[axis], dilations[axis]];
    const whole = stride * (side - 1) + more[axis] + (size - 1) * dilation + 1;
    let [before, after] = auto === 'VALID' ? [0, 0] : [pads[axis], pads[axis + count]];
    const target = wanted?.[axis] ?? (isSame ? side * stride : undefined);
    if (target !== undefined) {
      const total = Math.max(0, whole - target);
      before = auto === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2);
      after = total - before;
    }
    const out = target ?? whole - before - after;
    if (!Number.isSafeInteger(out) || out < 1) throw new Error(`nothing is left of ${whole} places: ${out}`);
    return { side, size, stride, dilation, before, after, out };
  });
}

export const convolutions: Operators = { Conv: convolution, ConvTranspose: transposedConvolution };
