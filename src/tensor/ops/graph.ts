/**
 * Operations that networks of other people are made of; see graph-kernels.ts. Their gradients are made of the same
 * operations, so that they need no kernels of their own. Any shape, unless said otherwise.
 */
import { type BinaryFunction, MOST_AXES, type Reduction, type UnaryFunction } from '../../kernels/graph-kernels';
import { forEachPlace } from '../../kernels/reference/view';
import { outputOf } from '../operation';
import { differentiable } from '../record';
import { formatShape, type Shape, ShapeError, sizeOf } from '../shape';
import { Tensor } from '../tensor';
import { TracingBackend } from '../trace';
import { sigmoid } from './activations';
import { combine, multiply, scale } from './arithmetic';
import { expectListable, inverse, type Taps } from './taps';

/** f(x) for every number, with the parameters that the function has. ceil, floor and round have no gradient. */
export function unary(input: Tensor, name: UnaryFunction, a = 0, b = 0): Tensor {
  const output = outputOf(name, [input], input.shape);
  output.backend.run({
    kernel: 'unary',
    inputs: { input: input.slot },
    outputs: { output: output.slot },
    attributes: { length: input.size, function: name, a, b },
  });
  // y = f(x) number by number, so dX = dY * f'(x).
  const rule = unaryGradients[name];
  return differentiable(output, [input], (dY) => (rule ? [rule({ x: input, y: output, dY, a, b })] : []));
}

type UnaryRule = (of: { x: Tensor; y: Tensor; dY: Tensor; a: number; b: number }) => Tensor;

/** dX = dY * f'(x), f' as each comment says. At a kink it is the slope of one side; that of |x| at 0 is 0. */
const unaryGradients: { [F in UnaryFunction]: UnaryRule | undefined } = {
  absolute: ({ x, dY }) => multiply(dY, sign(x)),
  // f' = 1 where the bounds leave x as it is, else 0.
  clip: ({ x, y, dY }) => multiply(dY, binary(x, y, 'equal')),
  // f' = x > 0 ? 1 : a * e^x. With e^min(x, 0), which is 1 above 0: f' = a * e^min(x, 0) + (1 - a) * [x > 0].
  elu: ({ x, dY, a }) => {
    const ofNegative = unary(unary(x, 'clip', Number.NEGATIVE_INFINITY, 0), 'exp');
    return multiply(dY, combine(ofNegative, a, binary(x, single(x, 0), 'greater'), 1 - a));
  },
  exp: ({ y, dY }) => multiply(dY, y),
  // With z = a * x + b, f' = a where min(1, max(0, z)) leaves z as it is, else 0.
  hardSigmoid: ({ x, dY, a, b }) => {
    const z = scale(x, a, b);
    return scale(multiply(dY, binary(z, unary(z, 'clip', 0, 1), 'equal')), a);
  },
  // y = x * h(x) has f' = h(x) + x * h'(x), h being hardSigmoid.
  hardSwish: ({ x, dY, a, b }) => {
    const z = scale(x, a, b);
    const h = unary(z, 'clip', 0, 1);
    return multiply(dY, combine(h, 1, multiply(x, binary(z, h, 'equal')), a));
  },
  log: ({ x, dY }) => binary(dY, x, 'divide'),
  // f' = -1 / x^2 = -y^2
  reciprocal: ({ y, dY }) => scale(multiply(dY, multiply(y, y)), -1),
  // f' = e^x / (1 + e^x)
  softplus: ({ x, dY }) => multiply(dY, sigmoid(x)),
  // f' = (1 + |x| - x * sign(x)) / (1 + |x|)^2 = 1 / (1 + |x|)^2
  softsign: ({ x, dY }) => {
    const root = unary(scale(unary(x, 'absolute'), 1, 1), 'reciprocal');
    return multiply(dY, multiply(root, root));
  },
  // f' = 1 / (2 * sqrt(x)) = 1 / 2y
  sqrt: ({ y, dY }) => scale(binary(dY, y, 'divide'), 0.5),
  // f' = 1 - tanh(x)^2
  tanh: ({ y, dY }) => multiply(dY, scale(multiply(y, y), -1, 1)),
  // Constant almost everywhere: the gradient would be 0, and nothing would be learnt.
  ceil: undefined,
  floor: undefined,
  round: undefined,
};

/** -1, 0 or 1: [|x| = x] - [|x| = -x] */
function sign(x: Tensor): Tensor {
  const size = unary(x, 'absolute');
  return combine(binary(size, x, 'equal'), 1, binary(size, scale(x, -1), 'equal'), -1);
}

/** One number, of the same rank: an operand for what is done with each number of `like`. */
const single = (like: Tensor, value: number): Tensor =>
  Tensor.from(
    like.backend,
    [value],
    like.shape.map(() => 1),
  );

/**
 * f(left, right), an operand's axes of side 1 repeated along the other's. Comparisons have no gradient.
 *
 * @param left, right of the same rank
 * @throws ShapeError when two sides differ and neither is 1
 */
export function binary(left: Tensor, right: Tensor, name: BinaryFunction): Tensor {
  if (left.shape.length !== right.shape.length)
    throw new ShapeError(`${name}: ${formatShape(left.shape)} and ${formatShape(right.shape)} differ in rank`);
  const shape = left.shape.map((side, axis) => {
    const other = right.shape[axis];
    if (side !== other && side !== 1 && other !== 1)
      throw new ShapeError(
        `${name}: ${formatShape(left.shape)} and ${formatShape(right.shape)} differ on axis ${axis}`,
      );
    return side === 1 ? other : side;
  });
  const strides = [left, right].map((operand) =>
    stridesOf(operand.shape).map((stride, axis) => (operand.shape[axis] === 1 ? 0 : stride)),
  );
  const output = outputOf(name, [left, right], shape);
  const merged = merge(name, shape, strides);
  output.backend.run({
    kernel: 'binary',
    inputs: { left: left.slot, right: right.slot },
    outputs: { output: output.slot },
    attributes: {
      function: name,
      sides: merged.sides,
      leftStrides: merged.strides[0],
      rightStrides: merged.strides[1],
    },
  });
  // Y[i] = f(L[i], R[i]), so L[i] gets dY[i] * df/dl and R[i] gets dY[i] * df/dr; a number that was repeated gets the sum
  // of what its repetitions get.
  const rules = binaryGradients[name];
  if (!rules) return differentiable(output, [left, right], () => []);
  return differentiable(output, [left, right], (dY) =>
    [left, right].map((operand, k) =>
      operand.requiresGradient ? sumTo(rules[k]({ l: left, r: right, y: output, dY }), operand.shape) : undefined,
    ),
  );
}

type BinaryRule = (of: { l: Tensor; r: Tensor; y: Tensor; dY: Tensor }) => Tensor;

/** dY * df/dl and dY * df/dr, in the shape of dY. */
const binaryGradients: { [F in BinaryFunction]: readonly [BinaryRule, BinaryRule] | undefined } = {
  add: [({ dY }) => dY, ({ dY }) => dY],
  subtract: [({ dY }) => dY, ({ dY }) => scale(dY, -1)],
  multiply: [({ r, dY }) => binary(dY, r, 'multiply'), ({ l, dY }) => binary(dY, l, 'multiply')],
  // y = l / r: df/dl = 1 / r, df/dr = -l / r^2 = -y / r
  divide: [({ r, dY }) => binary(dY, r, 'divide'), ({ r, y, dY }) => scale(binary(multiply(dY, y), r, 'divide'), -1)],
  // y = l^r: df/dl = r * l^(r-1); df/dr = y * log l where l > 0. Elsewhere only whole exponents have a power: no slope, 0.
  power: [
    ({ l, r, dY }) => multiply(dY, binary(binary(l, scale(r, 1, -1), 'power'), r, 'multiply')),
    ({ l, y, dY }) => {
      const isPositive = binary(l, single(l, 0), 'greater');
      // log of l, and of 1 where l is not positive
      const base = combine(unary(l, 'clip', 0, Number.POSITIVE_INFINITY), 1, scale(isPositive, -1, 1), 1);
      return binary(multiply(dY, y), unary(base, 'log'), 'multiply');
    },
  ],
  // All of dY to the operand that y comes from; to the left one when they are equal.
  maximum: [
    ({ l, r, dY }) => multiply(dY, binary(l, r, 'greaterOrEqual')),
    ({ l, r, dY }) => multiply(dY, binary(r, l, 'greater')),
  ],
  minimum: [
    ({ l, r, dY }) => multiply(dY, binary(r, l, 'greaterOrEqual')),
    ({ l, r, dY }) => multiply(dY, binary(l, r, 'greater')),
  ],
  equal: undefined,
  greater: undefined,
  greaterOrEqual: undefined,
};

/** The sums over all axes on which `shape`, of the same rank, has side 1. */
function sumTo(tensor: Tensor, shape: Shape): Tensor {
  let sums = tensor;
  for (const axis of shape.keys()) {
    if (sums.shape[axis] === shape[axis]) continue;
    const after = shape.findIndex((side, k) => k > axis && side !== 1);
    const end = after < 0 ? shape.length : after;
    const [before, summed, rest] = [sums.shape.slice(0, axis), sums.shape.slice(axis, end), sums.shape.slice(end)];
    const block = sums.reshape(sizeOf(before), sizeOf(summed), sizeOf(rest));
    sums = sumOfMiddle(block).reshape(...before, ...shape.slice(axis, end), ...rest);
  }
  return sums;
}

/** @param block [outer, count, inner]; @returns [outer, inner] */
function sumOfMiddle(block: Tensor): Tensor {
  const [outer, , inner] = block.shape;
  if (outer > 1) return reduce(block, 'sum');
  // Few long sums, as those of a bias: the kernel that shares one sum among many threads.
  const output = outputOf('sum', [block], [outer, inner]);
  output.backend.run({
    kernel: 'channelSums',
    inputs: { input: block.slot },
    outputs: { output: output.slot },
    attributes: { length: block.size, channels: inner },
  });
  return output;
}

/**
 * The numbers of a tensor read in another order: number [i0,i1,...] is the one at offset + sum of i * strides.
 * @throws ShapeError when that is outside of the tensor
 */
export function view(input: Tensor, shape: Shape, strides: readonly number[], offset = 0): Tensor {
  const ends = shape.map((side, axis) => (side - 1) * strides[axis]);
  const lowest = ends.reduce((sum, end) => sum + Math.min(0, end), offset);
  const highest = ends.reduce((sum, end) => sum + Math.max(0, end), offset);
  if (lowest < 0 || highest >= input.size)
    throw new ShapeError(`view: ${formatShape(shape)} reaches outside of ${formatShape(input.shape)}`);
  const merged = merge('view', shape, [strides]);
  const [[innermost]] = [merged.strides[0].slice(-1)];
  if (offset === 0 && merged.sides.length === 1 && innermost === 1 && merged.sides[0] === input.size)
    return input.reshape(...shape);
  const output = outputOf('view', [input], shape);
  output.backend.run({
    kernel: 'view',
    inputs: { input: input.slot },
    outputs: { output: output.slot },
    attributes: { sides: merged.sides, strides: merged.strides[0], offset },
  });
  // Y[i0,i1,...] = X[offset + sum of i * strides], so dX[p] = the sum of dY over all [i0,i1,...] that lead to p.
  return differentiable(output, [input], (dOutput) => {
    // Over an axis of stride 0 the same numbers were repeated: first their sums.
    const [strides] = merged.strides;
    const isWalked = (_: number, axis: number) => strides[axis] !== 0;
    const repeated = dOutput.reshape(...merged.sides);
    const sums = sumTo(
      repeated,
      merged.sides.map((side, axis) => (strides[axis] === 0 ? 1 : side)),
    );
    const walk = { sides: merged.sides.filter(isWalked), strides: strides.filter(isWalked), offset };
    const dInput = turnedBack(sums, walk, input.size) ?? scattered(sums, walk, input.size);
    return [dInput.reshape(...input.shape)];
  });
}

/** How a view walks through its input, with no axis of stride 0. */
interface Walk {
  sides: readonly number[];
  strides: readonly number[];
  offset: number;
}

/** The lowest and the highest number that a walk comes to. */
function reachOf({ sides, strides, offset }: Walk): [lowest: number, highest: number] {
  const ends = sides.map((side, axis) => (side - 1) * strides[axis]);
  return [
    ends.reduce((sum, end) => sum + Math.min(0, end), offset),
    ends.reduce((sum, end) => sum + Math.max(0, end), offset),
  ];
}

/** Where each number of the input was read exactly once, dX is dY with its axes in the order of the input. */
function turnedBack(dOutput: Tensor, walk: Walk, size: number): Tensor | undefined {
  const { sides, strides } = walk;
  if (sizeOf(sides) !== size || reachOf(walk)[0] !== 0) return undefined;
  const axes = [...sides.keys()].sort((a, b) => Math.abs(strides[b]) - Math.abs(strides[a]));
  const shape = axes.map((axis) => sides[axis]);
  const expected = stridesOf(shape);
  if (!axes.every((axis, k) => Math.abs(strides[axis]) === expected[k])) return undefined;
  const own = stridesOf(sides);
  const isReversed = (axis: number) => strides[axis] < 0;
  const offset = axes.filter(isReversed).reduce((sum, axis) => sum + (sides[axis] - 1) * own[axis], 0);
  return view(
    dOutput,
    shape,
    axes.map((axis) => (isReversed(axis) ? -own[axis] : own[axis])),
    offset,
  );
}

/** In general a table tells which numbers of dY each one of dX is the sum of. It is made for as few as will do. */
function scattered(dOutput: Tensor, walk: Walk, size: number): Tensor {
  // Of leading axes that the input has as well, as that of a batch, one place is like the other.
  let { sides, strides, offset } = walk;
  let [outer, rest] = [1, size];
  while (sides.length > 0 && strides[0] * sides[0] === rest) {
    const [[side, ...innerSides], [stride, ...innerStrides]] = [sides, strides];
    const [lowest, highest] = reachOf({ sides: innerSides, strides: innerStrides, offset });
    if (lowest < 0 || highest >= stride) break;
    [outer, rest, sides, strides] = [outer * side, stride, innerSides, innerStrides];
  }
  // Neighbours that are read as neighbours all along, as the channels of a pixel, move together.
  const last = sides.length - 1;
  const inner =
    strides[last] === 1 ? [...strides.slice(0, last), offset, rest].reduce(greatestDivisor, sides[last]) : 1;
  const [count, side] = [sizeOf(sides) / inner, rest / inner];
  expectListable('view', count);
  const places = new Float64Array(count);
  const units = inner === 1 ? sides : sides.with(last, sides[last] / inner);
  const steps = inner === 1 ? strides : strides.map((stride, axis) => (axis === last ? 1 : stride / inner));
  forEachPlace(units, [steps], (at, [sum]) => {
    places[at] = offset / inner + sum;
  });
  const taps = { places: [places], weights: [new Float64Array(count).fill(1)], fill: 0 };
  return resample(dOutput.reshape(outer, count, inner), 1, inverse('view', taps, side));
}

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, Math.abs(a % b)));

/**
 * Weighted places of one axis: place j of the output is the sum over t of weights[t][j] * place places[t][j].
 *
 * @param taps whose places are of the input's axis
 */
export function resample(input: Tensor, axis: number, taps: Taps): Tensor {
  const { places, weights, fill } = taps;
  const outSide = places[0].length;
  const [placesTable, weightsTable] = [places, weights].map((rows) => table(input, rows, outSide));
  const output = outputOf('resample', [input], input.shape.with(axis, outSide));
  output.backend.run({
    kernel: 'resample',
    inputs: { input: input.slot, places: placesTable.slot, weights: weightsTable.slot },
    outputs: { output: output.slot },
    attributes: {
      outer: sizeOf(input.shape.slice(0, axis)),
      side: input.shape[axis],
      outSide,
      inner: sizeOf(input.shape.slice(axis + 1)),
      taps: places.length,
      fill,
    },
  });
  // Y[o,j,i] = sum over t of w[t,j] * X[o, places[t,j], i], so
  //   dX[o,k,i] = sum over all t and j with places[t,j] = k of w[t,j] * dY[o,j,i]:
  // weighted places again, those of the inverse table. What counted as the filler hands nothing on.
  return differentiable(output, [input], (dOutput) => [
    resample(dOutput, axis, inverse('resample', taps, input.shape[axis])),
  ]);
}

/** [taps, outSide], where the input is: to a network that is being traced, a constant. */
function table({ backend }: Tensor, rows: readonly ArrayLike<number>[], outSide: number): Tensor {
  const values = new Float64Array(rows.length * outSide);
  for (const [t, row] of rows.entries()) values.set(row, t * outSide);
  return Tensor.from(backend instanceof TracingBackend ? backend.target : backend, values, [rows.length, outSide]);
}

/** @param input [outer, count, inner]; @returns [outer, inner] */
export function reduce(input: Tensor, name: Reduction): Tensor {
  const [outer, count, inner] = input.shape;
  const output = outputOf(name, [input], [outer, inner]);
  output.backend.run({
    kernel: 'reduce',
    inputs: { input: input.slot },
    outputs: { output: output.slot },
    attributes: { function: name, outer, count, inner },
  });
  // Y[o,i] = the reduction over k of X[o,k,i]; dX[o,k,i] = dY[o,i] * dY[o,i]/dX[o,k,i], with [o,1,i] repeated over k.
  return differentiable(output, [input], (dOutput) => {
    const [y, dY] = [output, dOutput].map((tensor) => tensor.reshape(outer, 1, inner));
    return [reductionGradients[name]({ x: input, y, dY })];
  });
}

/** @param of x [outer, count, inner]; y and dY [outer, 1, inner] */
type ReductionRule = (of: { x: Tensor; y: Tensor; dY: Tensor }) => Tensor;

/** All of dY to the numbers that are the extreme, equal shares where there are several. */
const shared: ReductionRule = ({ x, y, dY }) => {
  const [outer, , inner] = x.shape;
  const isExtreme = binary(x, y, 'equal');
  const share = binary(dY, reduce(isExtreme, 'sum').reshape(outer, 1, inner), 'divide');
  return binary(isExtreme, share, 'multiply');
};

const reductionGradients: { [R in Reduction]: ReductionRule } = {
  sum: ({ x, dY }) => view(dY, x.shape, [x.shape[2], 0, 1]),
  maximum: shared,
  minimum: shared,
  // The product of all others. z being 1 where x is 0, and x + z never 0: where no other one is 0, it is the product of
  // all x + z, divided by its own; else 0.
  product: ({ x, dY }) => {
    const [outer, , inner] = x.shape;
    const z = binary(x, single(x, 0), 'equal');
    const filled = combine(x, 1, z, 1);
    const [product, zeros] = [reduce(filled, 'product'), reduce(z, 'sum')].map((t) => t.reshape(outer, 1, inner));
    const isAlone = binary(z, zeros, 'equal');
    return multiply(binary(binary(dY, product, 'multiply'), filled, 'divide'), isAlone);
  },
  sumOfMagnitudes: ({ x, dY }) => binary(sign(x), dY, 'multiply'),
  sumOfSquares: ({ x, dY }) => binary(scale(x, 2), dY, 'multiply'),
};

/** How far apart neighbours on each axis lie in row-major order. */
export const stridesOf = (shape: Shape): number[] => shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));

/** The same walk with fewer axes: those of side 1 left out, and those joined that every operand walks as one. */
function merge(operation: string, shape: Shape, strides: readonly (readonly number[])[]) {
  const sides: number[] = [];
  const joined: number[][] = strides.map(() => []);
  for (const [axis, side] of shape.entries()) {
    if (side === 1) continue;
    const last = sides.length - 1;
    if (last >= 0 && strides.every((operand, k) => joined[k][last] === operand[axis] * side)) {
      sides[last] *= side;
      for (const [k, operand] of strides.entries()) joined[k][last] = operand[axis];
    } else {
      sides.push(side);
      for (const [k, operand] of strides.entries()) joined[k].push(operand[axis]);
    }
  }
  if (sides.length > MOST_AXES)
    throw new ShapeError(`${operation}: ${formatShape(shape)} has ${sides.length} axes; ${MOST_AXES} are the most`);
  if (sides.length === 0) {
    sides.push(1);
    for (const ofOperand of joined) ofOperand.push(1);
  }
  return { sides, strides: joined };
}
