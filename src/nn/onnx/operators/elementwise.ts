import type { BinaryFunction, UnaryFunction } from '../../../kernels/graph-kernels';
import { type Activation, RELU } from '../../../kernels/kernel';
import { prelu, sigmoid } from '../../../tensor/ops/activations';
import { formatShape, sizeOf } from '../../../tensor/shape';
import { activate, apply, combine, inPlaceOf, scaled, truncated } from '../arithmetic';
import { type ElementType, elementType, isFloat } from '../element';
import type { NodeReader, Operator, Operators } from '../node';
import { axesInMemory, broadcastShape, device, host, isSingle, type Value, withRank } from '../value';
import type { Workbench } from '../workbench';

const UNBOUNDED = Number.POSITIVE_INFINITY;

const unary =
  (name: UnaryFunction): Operator =>
  (node, bench) =>
    apply(bench, node.input(0), name);

/** A function with the two parameters of its node. */
const withParameters =
  (name: UnaryFunction, a: [name: string, otherwise: number], b?: [name: string, otherwise: number]): Operator =>
  (node, bench) =>
    apply(bench, node.input(0), name, node.float(...a), b ? node.float(...b) : 0);

const activation =
  (f: (node: NodeReader) => Activation): Operator =>
  (node, bench) =>
    activate(bench, node.input(0), f(node));

/** Before opset 7 the second operand could meet the first one's axes from `axis` on. */
function legacyRight(node: NodeReader, bench: Workbench, left: Value, right: Value): Value {
  const axis = node.int('axis', -1);
  if (node.opset >= 7 || axis < 0) return right;
  const missing = left.shape.length - axis - right.shape.length;
  return missing > 0 ? bench.reshape(right, [...right.shape, ...new Array<number>(missing).fill(1)]) : right;
}

const binary =
  (name: BinaryFunction): Operator =>
  (node, bench) => {
    const left = node.input(0);
    return combine(bench, left, legacyRight(node, bench, left, node.input(1)), name);
  };

/** Of any number of operands. */
const folded =
  (name: BinaryFunction): Operator =>
  ({ inputs }, bench) => {
    if (inputs.length === 0) throw new Error('it has no inputs');
    return inputs.reduce((result, value) => combine(bench, result, value, name));
  };

const logistic = (bench: Workbench, value: Value): Value => {
  const x = bench.onDevice(value);
  bench.expectRoomFor(x.shape, x.tensor);
  return inPlaceOf(x, sigmoid(x.tensor));
};

const not = (bench: Workbench, value: Value): Value => scaled(bench, value, -1, 1);

const ONE = host('float32', [], [1]);

/** A slope for each channel where only the channels' axis has several; else max(x, 0) + slope * min(x, 0). */
function prelus(node: NodeReader, bench: Workbench): Value {
  const value = node.input(0);
  const given = node.input(1);
  if (isSingle(given)) return activate(bench, value, { slope: given.values[0], ceiling: UNBOUNDED });
  // Before opset 7 a vector was meant for the channels.
  const isOld = given.shape.length === 1 && node.opset < 7 && value.shape.length > 2;
  const shape = isOld ? [given.shape[0], ...new Array<number>(value.shape.length - 2).fill(1)] : given.shape;
  const slopes = withRank(bench.reshape(given, shape), value.shape.length);
  if (formatShape(broadcastShape(value.shape, slopes.shape)) !== formatShape(value.shape))
    throw new Error(`slopes ${formatShape(given.shape)} do not fit ${formatShape(value.shape)}`);
  const channels = slopes.shape.findIndex((side) => side !== 1);
  if (sizeOf(slopes.shape) === value.shape[channels] && value.kind === 'device') {
    const axes = [...axesInMemory(value).filter((axis) => axis !== channels), channels];
    const [x, a] = [bench.placed(value, axes), bench.placed(slopes).reshape(sizeOf(slopes.shape))];
    bench.expectRoomFor(value.shape, x, a);
    return device(value.type, value.shape, prelu(x, a), axes);
  }
  const positive = activate(bench, value, RELU);
  return combine(
    bench,
    positive,
    combine(bench, slopes, combine(bench, value, positive, 'subtract'), 'multiply'),
    'add',
  );
}

function clip(node: NodeReader, bench: Workbench): Value {
  const lowest = node.floatOf('min', 1, Number.NEGATIVE_INFINITY);
  const highest = node.floatOf('max', 2, UNBOUNDED);
  const value = node.input(0);
  if (lowest === 0 && highest > 0) return activate(bench, value, { slope: 0, ceiling: highest });
  return lowest === Number.NEGATIVE_INFINITY && highest === UNBOUNDED
    ? value
    : apply(bench, value, 'clip', lowest, highest);
}

function cast(bench: Workbench, value: Value, to: ElementType): Value {
  const isNarrowed = isFloat(value.type) && !isFloat(to);
  if (to === 'bool') return { ...not(bench, combine(bench, value, host('float32', [], [0]), 'equal')), type: to };
  return { ...(isNarrowed ? truncated(bench, value) : value), type: to };
}

/** Selected on the host; on the backend condition * a + (1 - condition) * b, which finite numbers survive unchanged. */
function where({ inputs: [condition, yes, no] }: NodeReader, bench: Workbench): Value {
  if (condition.kind === 'host' && [yes, no].every(({ kind }) => kind === 'host')) {
    const shape = broadcastShape(broadcastShape(condition.shape, yes.shape), no.shape);
    const [c, a, b] = [condition, yes, no].map((value) => bench.expand(withRank(value, shape.length), shape));
    if (c.kind === 'host' && a.kind === 'host' && b.kind === 'host')
      return host(
        yes.type,
        shape,
        Float64Array.from(c.values, (is, k) => (is ? a.values[k] : b.values[k])),
      );
  }
  for (const value of [yes, no])
    if (value.kind === 'host' && !Array.prototype.every.call(value.values, Number.isFinite))
      throw new Error('it chooses between computed numbers and infinite ones, which is not supported');
  const taken = combine(bench, condition, yes, 'multiply');
  return { ...combine(bench, taken, combine(bench, not(bench, condition), no, 'multiply'), 'add'), type: yes.type };
}

/** Number by number. */
export const elementwise: Operators = {
  Abs: unary('absolute'),
  Ceil: unary('ceil'),
  Exp: unary('exp'),
  Floor: unary('floor'),
  Log: unary('log'),
  Reciprocal: unary('reciprocal'),
  Round: unary('round'),
  Softplus: unary('softplus'),
  Softsign: unary('softsign'),
  Sqrt: unary('sqrt'),
  Tanh: unary('tanh'),
  Neg: (node, bench) => scaled(bench, node.input(0), -1),
  Elu: withParameters('elu', ['alpha', 1]),
  HardSigmoid: withParameters('hardSigmoid', ['alpha', 0.2], ['beta', 0.5]),
  HardSwish: (node, bench) => apply(bench, node.input(0), 'hardSwish', 1 / 6, 0.5),
  Selu: (node, bench) => {
    // Klambauer et al. 2017, Self-Normalizing Neural Networks.
    const alpha = node.float('alpha', 1.6732632423543772);
    return scaled(bench, apply(bench, node.input(0), 'elu', alpha), node.float('gamma', 1.0507009873554805));
  },
  Sigmoid: (node, bench) => logistic(bench, node.input(0)),
  Swish: (node, bench) =>
    combine(bench, node.input(0), logistic(bench, scaled(bench, node.input(0), node.float('alpha', 1))), 'multiply'),
  Mish: (node, bench) =>
    combine(bench, node.input(0), apply(bench, apply(bench, node.input(0), 'softplus'), 'tanh'), 'multiply'),

  Relu: activation(() => RELU),
  LeakyRelu: activation((node) => ({ slope: node.float('alpha', 0.01), ceiling: UNBOUNDED })),
  PRelu: prelus,
  Clip: clip,

  Add: binary('add'),
  Sub: binary('subtract'),
  Mul: binary('multiply'),
  Div: binary('divide'),
  Pow: binary('power'),
  Max: folded('maximum'),
  Min: folded('minimum'),
  Sum: folded('add'),
  Mean: (node, bench) => {
    const sum = node.inputs.reduce((result, value) => combine(bench, result, value, 'add'));
    return scaled(bench, sum, 1 / node.inputCount);
  },

  Equal: binary('equal'),
  Greater: binary('greater'),
  GreaterOrEqual: binary('greaterOrEqual'),
  Less: ({ inputs: [left, right] }, bench) => combine(bench, right, left, 'greater'),
  LessOrEqual: ({ inputs: [left, right] }, bench) => combine(bench, right, left, 'greaterOrEqual'),
  And: ({ inputs: [left, right] }, bench) => combine(bench, left, right, 'minimum'),
  Or: ({ inputs: [left, right] }, bench) => combine(bench, left, right, 'maximum'),
  Xor: ({ inputs: [left, right] }, bench) => not(bench, combine(bench, left, right, 'equal')),
  Not: (node, bench) => not(bench, node.input(0)),
  Where: where,

  Cast: (node, bench) => cast(bench, node.input(0), elementType(node.int('to', 0))),
  CastLike: (node, bench) => cast(bench, node.input(0), node.input(1).type),
  Identity: (node) => node.input(0),
  /** It drops nothing where nothing is learnt; its mask is of no use then. */
  Dropout: (node, bench) => {
    const value = node.input(0);
    const mask = () => bench.expand(withRank({ ...ONE, type: 'bool' }, value.shape.length), value.shape);
    return node.hasOutput(1) ? [value, mask()] : value;
  },
};
