import { resizeBilinear } from '../../../tensor/ops/resample';
import type { Taps } from '../../../tensor/ops/taps';
import { formatShape } from '../../../tensor/shape';
import type { NodeReader, Operators } from '../node';
import { axisOf, device, expectPlaces, listOf, type Value } from '../value';
import type { Workbench } from '../workbench';
import { CHANNELS_LAST } from './convolutions';

/** How an axis is made longer or shorter. */
interface Axis {
  side: number;
  out: number;
  scale: number;
}

const single = Math.fround;

/**
 * Where place i of the output looks (attribute coordinate_transformation_mode). In float32, as runtimes compute it: what
 * is half way between two places, or on one, must be so here as well.
 */
const COORDINATES = new Map<string, (i: number, axis: Axis) => number>([
  ['half_pixel', (i, { scale }) => single((i + 0.5) / scale) - 0.5],
  [
    'half_pixel_symmetric',
    (i, { scale, side, out }) => (side / 2) * (1 - out / (scale * side)) + single((i + 0.5) / scale) - 0.5,
  ],
  ['pytorch_half_pixel', (i, { scale, out }) => (out > 1 ? single((i + 0.5) / scale) - 0.5 : 0)],
  ['align_corners', (i, { side, out }) => (out > 1 ? single((i * (side - 1)) / (out - 1)) : 0)],
  ['asymmetric', (i, { scale }) => single(i / scale)],
  ['tf_half_pixel_for_nn', (i, { scale }) => single((i + 0.5) / scale)],
]);

/** Which place is nearest (attribute nearest_mode). */
const NEAREST = new Map<string, (x: number) => number>([
  ['round_prefer_floor', (x) => Math.ceil(x - 0.5)],
  ['round_prefer_ceil', (x) => Math.floor(x + 0.5)],
  ['floor', Math.floor],
  ['ceil', Math.ceil],
]);

const inside = (place: number, side: number): number => Math.max(0, Math.min(place, side - 1));

function nearest(looks: readonly number[], { side }: Axis, mode: string): Taps {
  const round = NEAREST.get(mode);
  if (!round) throw new Error(`its nearest_mode ${mode} is not supported`);
  return { places: [looks.map((x) => inside(round(x), side))], weights: [looks.map(() => 1)], fill: 0 };
}

function linear(looks: readonly number[], { side }: Axis): Taps {
  const clamped = looks.map((x) => inside(x, side));
  const before = clamped.map(Math.floor);
  const shares = clamped.map((x, k) => x - before[k]);
  return {
    places: [before, before.map((place) => inside(place + 1, side))],
    weights: [shares.map((share) => 1 - share), shares],
    fill: 0,
  };
}

/** Cubic convolution (Keys 1981) with parameter a. */
function cubic(looks: readonly number[], { side }: Axis, a: number, excludesOutside: boolean): Taps {
  const weightAt = (distance: number): number => {
    const d = Math.abs(distance);
    if (d <= 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1;
    return d < 2 ? a * d ** 3 - 5 * a * d ** 2 + 8 * a * d - 4 * a : 0;
  };
  const offsets = [-1, 0, 1, 2];
  const places = offsets.map((offset) => looks.map((x) => Math.floor(x) + offset));
  const raw = places.map((ofTap) =>
    ofTap.map((place, k) => (excludesOutside && place !== inside(place, side) ? 0 : weightAt(looks[k] - place))),
  );
  const sums = looks.map((_, k) => raw.reduce((sum, ofTap) => sum + ofTap[k], 0));
  return {
    places: places.map((ofTap) => ofTap.map((place) => inside(place, side))),
    weights: excludesOutside ? raw.map((ofTap) => ofTap.map((weight, k) => weight / sums[k])) : raw,
    fill: 0,
  };
}

interface Manner {
  mode: string;
  coordinates: string;
  nearestMode: string;
  cubicA: number;
  excludesOutside: boolean;
}

function resizeAxes(bench: Workbench, value: Value, axes: readonly (Axis & { axis: number })[], manner: Manner): Value {
  const { mode, coordinates } = manner;
  const look = COORDINATES.get(coordinates);
  if (!look) throw new Error(`its coordinate_transformation_mode ${coordinates} is not supported`);
  for (const { axis, out } of axes) {
    if (!Number.isSafeInteger(out) || out < 1) throw new Error(`it makes ${out} places of an axis`);
    expectPlaces(out);
    bench.expectRoom(value.shape.with(axis, out), false);
  }
  const isHalfPixel = ['half_pixel', 'pytorch_half_pixel'].includes(coordinates) && axes.every(({ out }) => out > 1);
  const isPlain = axes.every(({ side, out, scale }) => side * scale === out);
  const isImage = value.shape.length === 4 && value.kind === 'device' && axes.every(({ axis }) => axis >= 2);
  if (mode === 'linear' && isHalfPixel && isPlain && isImage && axes.length === 2) {
    const input = bench.placed(value, CHANNELS_LAST);
    const shape = axes.reduce((whole, { axis, out }) => whole.with(axis, out), value.shape);
    bench.expectRoomFor(shape, input);
    return device(value.type, shape, resizeBilinear(input, shape[2], shape[3]), CHANNELS_LAST);
  }
  const taps = axes.map((axis) => {
    const looks = Array.from({ length: axis.out }, (_, i) => look(i, axis));
    if (mode === 'nearest') return nearest(looks, axis, manner.nearestMode);
    if (mode === 'linear') return linear(looks, axis);
    if (mode === 'cubic') return cubic(looks, axis, manner.cubicA, manner.excludesOutside);
    throw new Error(`its mode ${mode} is not supported`);
  });
  // Each place several times, as often as the next: one copy for all axes.
  const isRepetition = axes.every(({ side, out }, k) => {
    const times = out / side;
    const [places] = taps[k].places;
    const isRepeated = Array.from(places).every((place, j) => place === Math.floor(j / times));
    return mode === 'nearest' && Number.isInteger(times) && isRepeated;
  });
  if (isRepetition) {
    const times = value.shape.map((side, axis) => (axes.find((one) => one.axis === axis)?.out ?? side) / side);
    const apart = bench.reshape(
      value,
      value.shape.flatMap((side) => [side, 1]),
    );
    const repeated = bench.expand(
      apart,
      value.shape.flatMap((side, axis) => [side, times[axis]]),
    );
    return bench.reshape(
      repeated,
      value.shape.map((side, axis) => side * times[axis]),
    );
  }
  return axes.reduce((resized, { axis }, k) => bench.resample(resized, axis, taps[k]), value);
}

function resize(node: NodeReader, bench: Workbench): Value {
  const value = node.input(0);
  const rank = value.shape.length;
  const isOld = node.opset < 11 || node.type === 'Upsample';
  const list = (k: number) => {
    const given = node.optional(k);
    const values = given && given.shape[0] !== 0 ? listOf(node.known(k)) : [];
    return values.length > 0 ? values : undefined;
  };
  const scales = node.floats('scales') ?? list(isOld ? 1 : 2);
  const sizes = isOld ? undefined : list(3);
  const axes = node.ints('axes')?.map((axis) => axisOf(axis, rank)) ?? [...value.shape.keys()];
  const wanted = scales ?? sizes;
  if (!wanted || wanted.length !== axes.length)
    throw new Error(`its scales or sizes do not fit ${formatShape(value.shape)}`);
  if (node.int('antialias', 0) !== 0) throw new Error('antialias is not supported');
  const policy = node.text('keep_aspect_ratio_policy', 'stretch');
  const ratios = axes.map((axis, k) => (sizes ? sizes[k] / value.shape[axis] : wanted[k]));
  const common = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  const resized = axes.map((axis, k) => {
    const side = value.shape[axis];
    if (sizes && policy !== 'stretch') return { axis, side, out: Math.round(common * side), scale: common };
    if (sizes) return { axis, side, out: sizes[k], scale: sizes[k] / side };
    return { axis, side, out: Math.floor(side * wanted[k]), scale: wanted[k] };
  });
  return resizeAxes(
    bench,
    value,
    resized.filter(({ side, out, scale }) => out !== side || scale !== 1),
    {
      mode: node.text('mode', 'nearest').replace('bilinear', 'linear'),
      coordinates: isOld ? 'asymmetric' : node.text('coordinate_transformation_mode', 'half_pixel'),
      nearestMode: isOld ? 'floor' : node.text('nearest_mode', 'round_prefer_floor'),
      cubicA: node.float('cubic_coeff_a', -0.75),
      excludesOutside: node.int('exclude_outside', 0) !== 0,
    },
  );
}

export const resizing: Operators = { Resize: resize, Upsample: resize };
