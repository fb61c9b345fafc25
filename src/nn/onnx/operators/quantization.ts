import { activate, apply, combine, scaled } from '../arithmetic';
import { type ElementType, elementType } from '../element';
import type { NodeReader, Operators } from '../node';
import { DATA_TYPE } from '../proto';
import { axisOf, type HostValue, host, type Value } from '../value';
import type { Workbench } from '../workbench';

/** The smallest and the largest whole number of a type. */
function boundsOf(type: ElementType): [lowest: number, highest: number] {
  const bits = Number(/\d+$/.exec(type)?.[0]);
  if (!/^u?int\d+$/.test(type)) throw new Error(`numbers are not quantised to ${type}`);
  return type.startsWith('u') ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
}

interface Quantization {
  scale: HostValue;
  zero: HostValue;
}

/**
 * A number for all, or one for each place of an axis, in a shape that meets that axis.
 * @param type of the zero where none is given
 */
function quantizationOf(node: NodeReader, bench: Workbench, rank: number, type: ElementType): Quantization {
  if (node.int('block_size', 0) !== 0) throw new Error('quantisation in blocks is not supported');
  const fit = (value: HostValue): HostValue => {
    if (value.values.length === 1) return { ...value, shape: [] };
    const after = rank - 1 - axisOf(node.int('axis', 1), rank);
    return { ...value, shape: [value.values.length, ...new Array<number>(after).fill(1)] };
  };
  bench.expectRoom(node.known(1).shape, false);
  const zero = node.optional(2) ? node.known(2) : host(type, [], [0]);
  return { scale: fit(node.known(1)), zero: fit(zero) };
}

function dequantize(node: NodeReader, bench: Workbench): Value {
  const value = node.input(0);
  const { scale, zero } = quantizationOf(node, bench, value.shape.length, value.type);
  const centred: Value = { ...combine(bench, value, zero, 'subtract'), type: 'float32' };
  return combine(bench, centred, scale, 'multiply');
}

/** The type that a QuantizeLinear without a zero gives. */
const declaredType = (node: NodeReader): ElementType => elementType(node.int('output_dtype', 0) || DATA_TYPE.uint8);

function quantize(node: NodeReader, bench: Workbench): Value {
  const value = node.input(0);
  const { scale, zero } = quantizationOf(node, bench, value.shape.length, declaredType(node));
  const whole = apply(bench, combine(bench, value, scale, 'divide'), 'round');
  return { ...apply(bench, combine(bench, whole, zero, 'add'), 'clip', ...boundsOf(zero.type)), type: zero.type };
}

/**
 * Quantised and dequantised again, in float32: not rounded to the steps between, but kept within the range that the
 * quantised numbers have, since that may stand for a ReLU.
 */
function withinRange(node: NodeReader, bench: Workbench): Value {
  const value = node.input(0);
  const { scale, zero } = quantizationOf(node, bench, value.shape.length, declaredType(node));
  const [low, high] = boundsOf(zero.type).map((bound) =>
    combine(bench, scaled(bench, { ...zero, type: 'float32' }, -1, bound), scale, 'multiply'),
  );
  if (low.kind === 'host' && high.kind === 'host' && low.values.length === 1 && high.values.length === 1) {
    const [lowest, highest] = [low.values[0], high.values[0]];
    if (lowest === 0) return activate(bench, value, { slope: 0, ceiling: highest });
    return apply(bench, value, 'clip', lowest, highest);
  }
  return combine(bench, combine(bench, value, low, 'maximum'), high, 'minimum');
}

export const quantization: Operators = {
  DequantizeLinear: dequantize,
  QuantizeLinear: quantize,
  /** Of no file: what a pair of the two becomes; see model-graph.ts. */
  WithinRange: withinRange,
};
