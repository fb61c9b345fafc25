import type { Reduction } from '../../../kernels/graph-kernels';
import { batchNorm } from '../../../tensor/ops/batch-norm';
import { softmax } from '../../../tensor/ops/rows';
import { formatShape, sizeOf } from '../../../tensor/shape';
import { apply, combine, reduced, scaled } from '../arithmetic';
import type { NodeReader, Operator, Operators } from '../node';
import { axesInMemory, axisOf, device, host, type Value } from '../value';
import type { Workbench } from '../workbench';

/** With the statistics of training, per channel. */
function batchNormalization(node: NodeReader, bench: Workbench): Value {
  if (node.int('training_mode', 0) !== 0 || (node.opset < 7 && node.int('is_test', 0) === 0 && node.hasOutput(1)))
    throw new Error('it is in training mode; export the model for inference');
  const value = node.input(0);
  const channels = value.shape[1];
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((k) => {
    const vector = node.input(k);
    if (formatShape(vector.shape) !== formatShape([channels]))
      throw new Error(`its input ${k} ${formatShape(vector.shape)} does not fit ${formatShape(value.shape)}`);
    return bench.placed(vector);
  });
  const data = bench.onDevice(value);
  const axes = [...axesInMemory(data).filter((axis) => axis !== 1), 1];
  const input = bench.placed(data, axes);
  bench.expectRoomFor(value.shape, input, gamma, beta, mean, variance);
  const output = batchNorm(input, { mean, variance, gamma, beta }, node.float('epsilon', 1e-5));
  return device(value.type, value.shape, output, axes);
}

/** (x - mean) / sqrt(variance + epsilon) over some axes. */
function normalized(bench: Workbench, value: Value, axes: readonly number[], epsilon: number): Value {
  const centred = combine(bench, value, reduced(bench, value, axes, 'mean', true), 'subtract');
  const variance = reduced(bench, combine(bench, centred, centred, 'multiply'), axes, 'mean', true);
  return combine(bench, centred, apply(bench, scaled(bench, variance, 1, epsilon), 'sqrt'), 'divide');
}

const axesFrom = (value: Value, first: number): number[] => [...value.shape.keys()].slice(first);

function instanceNormalization(node: NodeReader, bench: Workbench): Value {
  const value = node.input(0);
  const shape = [value.shape[1], ...axesFrom(value, 2).map(() => 1)];
  const [gamma, beta] = [1, 2].map((k) => bench.reshape(node.input(k), shape));
  const unit = normalized(bench, value, axesFrom(value, 2), node.float('epsilon', 1e-5));
  return combine(bench, combine(bench, unit, gamma, 'multiply'), beta, 'add');
}

function layerNormalization(node: NodeReader, bench: Workbench): Value {
  if (node.hasOutput(1)) throw new Error('its mean and deviation (further outputs) are not supported');
  const value = node.input(0);
  const axes = axesFrom(value, axisOf(node.int('axis', -1), value.shape.length));
  const scaledUnit = combine(
    bench,
    normalized(bench, value, axes, node.float('epsilon', 1e-5)),
    node.input(1),
    'multiply',
  );
  const bias = node.optional(2);
  return bias ? combine(bench, scaledUnit, bias, 'add') : scaledUnit;
}

/** x divided by the length of each stretch along an axis: by its sum of magnitudes (p 1) or Euclidean (p 2). */
function lpNormalization(node: NodeReader, bench: Workbench): Value {
  const value = node.input(0);
  const axes = [axisOf(node.int('axis', -1), value.shape.length)];
  const length =
    node.int('p', 2) === 1
      ? reduced(bench, value, axes, 'sumOfMagnitudes', true)
      : apply(bench, reduced(bench, value, axes, 'sumOfSquares', true), 'sqrt');
  return combine(bench, value, combine(bench, length, host('float32', [], [1e-12]), 'maximum'), 'divide');
}

/** The function over one axis; before opset 13 over all axes from one on, as one. */
const alongAxis =
  (f: (bench: Workbench, value: Value, axis: number) => Value): Operator =>
  (node, bench) => {
    const value = node.input(0);
    const axis = axisOf(node.int('axis', node.opset < 13 ? 1 : -1), Math.max(1, value.shape.length));
    if (node.opset >= 13) return f(bench, value, axis);
    const flat = [sizeOf(value.shape.slice(0, axis)), sizeOf(value.shape.slice(axis))];
    if (axis === value.shape.length - 1) return f(bench, value, axis);
    return bench.reshape(f(bench, bench.reshape(value, flat), 1), value.shape);
  };

function softmaxOf(bench: Workbench, value: Value, axis: number): Value {
  const data = bench.onDevice(value);
  const axes = [...axesInMemory(data).filter((other) => other !== axis), axis];
  const input = bench.placed(data, axes);
  bench.expectRoomFor(value.shape, input);
  return device(value.type, value.shape, softmax(input), axes);
}

/** x - max - log(sum of e^(x - max)) */
function logSoftmaxOf(bench: Workbench, value: Value, axis: number): Value {
  const shifted = combine(bench, value, reduced(bench, value, [axis], 'maximum', true), 'subtract');
  const sums = reduced(bench, apply(bench, shifted, 'exp'), [axis], 'sum', true);
  return combine(bench, shifted, apply(bench, sums, 'log'), 'subtract');
}

/** Over some axes, or all; `after` is done with what comes out. */
const reduction =
  (name: Reduction | 'mean', after: (bench: Workbench, value: Value) => Value = (_, value) => value): Operator =>
  (node, bench) => {
    const value = node.input(0);
    const given = node.intsOf('axes', 1) ?? [];
    if (given.length === 0 && node.int('noop_with_empty_axes', 0) !== 0) return value;
    const rank = value.shape.length;
    const axes = given.length > 0 ? [...new Set(given.map((axis) => axisOf(axis, rank)))] : [...value.shape.keys()];
    return after(bench, reduced(bench, value, axes, name, node.int('keepdims', 1) !== 0));
  };

/** max + log(sum of e^(x - max)) */
function reduceLogSumExp(node: NodeReader, bench: Workbench): Value {
  const value = node.input(0);
  const given = node.intsOf('axes', 1) ?? [];
  const rank = value.shape.length;
  const axes = given.length > 0 ? given.map((axis) => axisOf(axis, rank)) : [...value.shape.keys()];
  const largest = reduced(bench, value, axes, 'maximum', true);
  const terms = apply(bench, combine(bench, value, largest, 'subtract'), 'exp');
  const sums = combine(bench, apply(bench, reduced(bench, terms, axes, 'sum', true), 'log'), largest, 'add');
  if (node.int('keepdims', 1) !== 0) return sums;
  return bench.reshape(
    sums,
    sums.shape.filter((_, axis) => !axes.includes(axis)),
  );
}

/** What looks at many numbers at once: norms, probabilities, reductions. */
export const norms: Operators = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  LayerNormalization: layerNormalization,
  LpNormalization: lpNormalization,
  Softmax: alongAxis(softmaxOf),
  LogSoftmax: alongAxis(logSoftmaxOf),
  ReduceMean: reduction('mean'),
  ReduceSum: reduction('sum'),
  ReduceMax: reduction('maximum'),
  ReduceMin: reduction('minimum'),
  ReduceProd: reduction('product'),
  ReduceL1: reduction('sumOfMagnitudes'),
  ReduceL2: reduction('sumOfSquares', (bench, value) => apply(bench, value, 'sqrt')),
  ReduceSumSquare: reduction('sumOfSquares'),
  ReduceLogSum: reduction('sum', (bench, value) => apply(bench, value, 'log')),
  ReduceLogSumExp: reduceLogSumExp,
};
