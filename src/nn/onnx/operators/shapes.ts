import { pad as padded } from '../../../tensor/ops/pad';
import { formatShape, type Shape, sizeOf } from '../../../tensor/shape';
import type { NodeReader, Operators } from '../node';
import { axisOf, broadcastShape, device, type HostValue, host, listOf, type Value, withRank } from '../value';
import type { Workbench } from '../workbench';
import { CHANNELS_LAST } from './convolutions';

const wholes = (values: readonly number[]): HostValue => host('int64', [values.length], values);

function checkedShape(shape: readonly number[]): Shape {
  for (const side of shape)
    if (!Number.isSafeInteger(side) || side < 0) throw new Error(`${formatShape(shape)} is no shape`);
  return shape;
}

function reshape(node: NodeReader, bench: Workbench): Value {
  const value = node.input(0);
  const wanted = node.ints('shape') ?? listOf(node.known(1));
  const keepsZeros = node.int('allowzero', 0) !== 0;
  const shape = wanted.map((side, axis) => (side === 0 && !keepsZeros ? (value.shape[axis] ?? 0) : side));
  const open = shape.indexOf(-1);
  if (open >= 0) shape[open] = sizeOf(value.shape) / sizeOf(shape.filter((_, axis) => axis !== open));
  return bench.reshape(value, checkedShape(shape));
}

function flatten(node: NodeReader, bench: Workbench): Value {
  const value = node.input(0);
  const given = node.int('axis', 1);
  const axis = given === value.shape.length ? given : axisOf(given, value.shape.length);
  return bench.reshape(value, [sizeOf(value.shape.slice(0, axis)), sizeOf(value.shape.slice(axis))]);
}

function squeeze(node: NodeReader, bench: Workbench): Value {
  const value = node.input(0);
  const axes = node.intsOf('axes', 1)?.map((axis) => axisOf(axis, value.shape.length));
  const shape = value.shape.filter((side, axis) => (axes ? !axes.includes(axis) : side !== 1));
  return bench.reshape(value, shape);
}

function unsqueeze(node: NodeReader, bench: Workbench): Value {
  const value = node.input(0);
  const given = node.intsOf('axes', 1) ?? [];
  const rank = value.shape.length + given.length;
  const axes = given.map((axis) => axisOf(axis, rank));
  if (new Set(axes).size < axes.length) throw new Error(`its axes [${given}] name one twice`);
  const sides = [...value.shape];
  return bench.reshape(
    value,
    Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : (sides.shift() ?? 1))),
  );
}

function transpose(node: NodeReader, bench: Workbench): Value {
  const value = node.input(0);
  const perm = node.ints('perm') ?? [...value.shape.keys()].reverse();
  if (formatShape([...perm].sort((a, b) => a - b)) !== formatShape([...value.shape.keys()]))
    throw new Error(`its perm [${perm}] does not fit ${formatShape(value.shape)}`);
  return bench.transpose(value, perm);
}

function split(node: NodeReader, bench: Workbench): Value[] {
  const value = node.input(0);
  const axis = axisOf(node.int('axis', 0), value.shape.length);
  const side = value.shape[axis];
  const count = node.outputCount;
  const each = Math.ceil(side / count);
  const lengths =
    node.intsOf('split', 1) ?? Array.from({ length: count }, (_, k) => Math.min(each, Math.max(0, side - k * each)));
  if (lengths.length !== count || checkedShape(lengths).reduce((sum, length) => sum + length, 0) !== side)
    throw new Error(`parts of [${lengths}] are not the ${count} parts of a side of ${side}`);
  let start = 0;
  return lengths.map((length) => {
    start += length;
    return bench.slice(value, axis, start - length, length);
  });
}

function slice(node: NodeReader, bench: Workbench): Value {
  const value = node.input(0);
  const starts = node.intsOf('starts', 1) ?? [];
  const ends = node.intsOf('ends', 2) ?? [];
  const axes = (node.intsOf('axes', 3) ?? [...starts.keys()]).map((axis) => axisOf(axis, value.shape.length));
  const steps = node.intsOf('steps', 4) ?? starts.map(() => 1);
  if (starts.length !== ends.length || axes.length !== starts.length || steps.length !== starts.length)
    throw new Error('its starts, ends, axes and steps are not equally many');
  const shape = [...value.shape];
  const from = shape.map(() => 0);
  const walked = shape.map(() => 1);
  for (const [k, axis] of axes.entries()) {
    const side = value.shape[axis];
    const step = steps[k];
    if (!Number.isSafeInteger(step) || step === 0) throw new Error(`a step of ${step} leads nowhere`);
    const place = (at: number, lowest: number, highest: number) =>
      Math.max(lowest, Math.min(at < 0 ? at + side : at, highest));
    const start = step > 0 ? place(starts[k], 0, side) : place(starts[k], 0, side - 1);
    const end = step > 0 ? place(ends[k], 0, side) : place(ends[k], -1, side - 1);
    shape[axis] = Math.max(0, Math.ceil((end - start) / step));
    from[axis] = start;
    walked[axis] = step;
  }
  if (sizeOf(shape) === 0) return host(value.type, shape, []);
  return shape.every((side, axis) => side === value.shape[axis] && walked[axis] === 1)
    ? value
    : bench.strided(value, shape, from, walked);
}

/** Places of an axis that are known before the network runs. */
function gather(node: NodeReader, bench: Workbench): Value {
  const value = node.input(0);
  const indices = node.known(1);
  const axis = axisOf(node.int('axis', 0), value.shape.length);
  const places = listOf(indices).map((place) => axisOf(place, value.shape[axis]));
  const shape = [...value.shape.slice(0, axis), ...indices.shape, ...value.shape.slice(axis + 1)];
  if (sizeOf(shape) === 0) return host(value.type, shape, []);
  const isRun = places.every((place, k) => place === places[0] + k);
  const picked = isRun
    ? bench.slice(value, axis, places[0], places.length)
    : bench.pick(value, axis, places.length, (at) => places[at]);
  return bench.reshape(picked, shape);
}

function expand(node: NodeReader, bench: Workbench): Value {
  const shape = broadcastShape(node.input(0).shape, checkedShape(listOf(node.known(1))));
  return bench.expand(withRank(node.input(0), shape.length), shape);
}

/** Each axis again and again: an axis of its own for the repetitions, joined with it. */
function tile(node: NodeReader, bench: Workbench): Value {
  const value = node.input(0);
  const repeats = checkedShape(listOf(node.known(1)));
  if (repeats.length !== value.shape.length)
    throw new Error(`repeats [${repeats}] do not fit ${formatShape(value.shape)}`);
  const paired = bench.reshape(
    value,
    value.shape.flatMap((side) => [1, side]),
  );
  const repeated = bench.expand(
    paired,
    value.shape.flatMap((side, axis) => [repeats[axis], side]),
  );
  return bench.reshape(
    repeated,
    value.shape.map((side, axis) => side * repeats[axis]),
  );
}

/** Numbers around, of four kinds; a negative amount cuts off. */
function pad(node: NodeReader, bench: Workbench): Value {
  const value = node.input(0);
  const rank = value.shape.length;
  const amounts = node.ints('pads') ?? node.ints('paddings') ?? listOf(node.known(1));
  const axes = node.optional(3) ? listOf(node.known(3)).map((axis) => axisOf(axis, rank)) : [...value.shape.keys()];
  if (amounts.length !== 2 * axes.length) throw new Error(`pads [${amounts}] do not fit ${formatShape(value.shape)}`);
  const fill = node.floatOf('value', 2, 0);
  const mode = node.text('mode', 'constant');
  const own = (axis: number, end: number) => amounts[axes.indexOf(axis) + end * axes.length] ?? 0;
  if (mode === 'constant' && fill === 0 && rank === 4 && value.kind === 'device') {
    const [around, more] = [[own(2, 0), own(2, 1), own(3, 0), own(3, 1)], own(1, 1)];
    const isPlain =
      own(0, 0) === 0 && own(0, 1) === 0 && own(1, 0) === 0 && [...around, more].every((side) => side >= 0);
    if (isPlain && (more > 0 || around.some((side) => side > 0))) return padImage(bench, value, around, more);
  }
  return axes.reduce((longer, axis, k) => {
    const [before, after] = [amounts[k], amounts[k + axes.length]];
    if (before === 0 && after === 0) return longer;
    const side = value.shape[axis];
    const [length] = checkedShape([side + before + after]);
    bench.expectRoom(longer.shape.with(axis, length), false);
    const source = sourceOf(mode, side);
    return bench.pick(longer, axis, length, (at) => source(at - before), fill);
  }, value);
}

/** Zeros around an image and after its channels, as our own networks have it. */
function padImage(bench: Workbench, value: Value, around: readonly number[], more: number): Value {
  const [batch, channels, height, width] = value.shape;
  const [top, bottom, left, right] = around;
  const shape = checkedShape([batch, channels + more, top + height + bottom, left + width + right]);
  const input = bench.placed(value, CHANNELS_LAST);
  bench.expectRoomFor(shape, input);
  return device(value.type, shape, padded(input, { top, bottom, left, right, channels: more }), CHANNELS_LAST);
}

/** Which place of an axis stands at a place that may be outside of it; -1 for the constant. */
function sourceOf(mode: string, side: number): (at: number) => number {
  switch (mode) {
    case 'constant':
      return (at) => (at >= 0 && at < side ? at : -1);
    case 'edge':
      return (at) => Math.max(0, Math.min(at, side - 1));
    case 'wrap':
      return (at) => ((at % side) + side) % side;
    case 'reflect': {
      const period = Math.max(1, 2 * (side - 1));
      return (at) => {
        const place = ((at % period) + period) % period;
        return Math.min(place, period - place);
      };
    }
    default:
      throw new Error(`its mode ${mode} is not supported`);
  }
}

/** Blocks of channels become blocks of pixels. */
function depthToSpace(node: NodeReader, bench: Workbench): Value {
  const value = node.input(0);
  const block = node.int('blocksize', 0);
  const [batch, channels, height, width] = value.shape;
  const each = channels / (block * block);
  if (value.shape.length !== 4 || !(block >= 1) || !Number.isInteger(each))
    throw new Error(`blocks of ${block} do not fit ${formatShape(value.shape)}`);
  const isColumnFirst = node.text('mode', 'DCR') === 'CRD';
  const parts = isColumnFirst ? [batch, each, block, block, height, width] : [batch, block, block, each, height, width];
  const perm = isColumnFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2];
  return bench.reshape(bench.transpose(bench.reshape(value, parts), perm), [
    batch,
    each,
    height * block,
    width * block,
  ]);
}

function spaceToDepth(node: NodeReader, bench: Workbench): Value {
  const value = node.input(0);
  const block = node.int('blocksize', 0);
  const [batch, channels, height, width] = value.shape;
  if (value.shape.length !== 4 || !(block >= 1) || height % block !== 0 || width % block !== 0)
    throw new Error(`blocks of ${block} do not fit ${formatShape(value.shape)}`);
  const [rows, columns] = [height / block, width / block];
  const parts = bench.reshape(value, [batch, channels, rows, block, columns, block]);
  return bench.reshape(bench.transpose(parts, [0, 3, 5, 1, 2, 4]), [batch, channels * block * block, rows, columns]);
}

function constant(node: NodeReader): Value {
  const tensor = node.tensor('value');
  if (tensor) return tensor;
  if (node.has('value_float')) return host('float32', [], [node.float('value_float', 0)]);
  if (node.has('value_int')) return host('int64', [], [node.int('value_int', 0)]);
  const floats = node.floats('value_floats');
  if (floats) return host('float32', [floats.length], floats);
  const ints = node.ints('value_ints');
  if (ints) return wholes(ints);
  throw new Error('it is a constant of a kind that is not supported');
}

function constantOfShape(node: NodeReader, bench: Workbench): Value {
  const shape = checkedShape(listOf(node.known(0)));
  const value = node.tensor('value') ?? host('float32', [1], [0]);
  bench.expectRoom(shape, true);
  return host(value.type, shape, new Float64Array(sizeOf(shape)).fill(value.values[0]));
}

function range(node: NodeReader, bench: Workbench): Value {
  const [start, limit, delta] = [0, 1, 2].map((k) => node.known(k).values[0]);
  const length = Math.max(0, Math.ceil((limit - start) / delta));
  const shape = checkedShape([length]);
  bench.expectRoom(shape, true);
  return host(
    node.known(0).type,
    shape,
    Float64Array.from({ length }, (_, k) => start + k * delta),
  );
}

function shapeOf(node: NodeReader): Value {
  const { shape } = node.input(0);
  return wholes(shape.slice(node.int('start', 0), node.has('end') ? node.int('end', 0) : undefined));
}

/** The same places of other values. */
export const shapes: Operators = {
  Shape: shapeOf,
  Size: (node) => host('int64', [], [sizeOf(node.input(0).shape)]),
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Range: range,
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Concat: (node, bench) => {
    const { inputs } = node;
    if (inputs.length === 0) throw new Error('it has no inputs');
    return bench.concat(inputs, axisOf(node.int('axis', 1), inputs[0].shape.length));
  },
  Split: split,
  Slice: slice,
  Gather: gather,
  Expand: expand,
  Tile: tile,
  Pad: pad,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
};
