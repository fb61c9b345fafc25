import type { UnaryFunction } from '../graph-kernels';
import type { KernelCall } from '../kernel';
import { type FunctionBuilder, f32x4, type Local, type V128, v128 } from './assembler';
import { elementwiseJob } from './elementwise';
import { emitExp } from './exp';
import type { Job, Planning } from './job';
import { emitLogOfAny } from './log';

type EmitUnary = (f: FunctionBuilder, x: Local<'v128'>, a: V128, b: V128) => V128;

const [zero, one, two] = [0, 1, 2].map(f32x4.const);

/** Not a number stays so: pmin and pmax hand on what is on the left then. */
const between = (x: V128, lowest: V128, highest: V128): V128 => f32x4.pmin(f32x4.pmax(x, lowest), highest);

const emitters: { [F in UnaryFunction]: EmitUnary } = {
  absolute: (_, x) => f32x4.abs(x),
  ceil: (_, x) => f32x4.ceil(x),
  clip: (_, x, a, b) => between(x, a, b),
  elu: (f, x, a) => v128.bitselect(x, f32x4.mul(a, f32x4.sub(emitExp(f, f32x4.pmin(x, zero)), one)), f32x4.gt(x, zero)),
  exp: (f, x) => emitExp(f, x),
  floor: (_, x) => f32x4.floor(x),
  hardSigmoid: (_, x, a, b) => between(f32x4.add(f32x4.mul(x, a), b), zero, one),
  hardSwish: (_, x, a, b) => f32x4.mul(x, between(f32x4.add(f32x4.mul(x, a), b), zero, one)),
  log: (f, x) => emitLogOfAny(f, x),
  reciprocal: (_, x) => f32x4.div(one, x),
  round: (_, x) => f32x4.nearest(x),
  // max(x, 0) + log(1 + e^-|x|): the exponential cannot overflow.
  softplus: (f, x) =>
    f32x4.add(f32x4.pmax(x, zero), emitLogOfAny(f, f.let(f32x4.add(one, emitExp(f, f32x4.sub(zero, f32x4.abs(x))))))),
  softsign: (_, x) => f32x4.div(x, f32x4.add(one, f32x4.abs(x))),
  sqrt: (_, x) => f32x4.sqrt(x),
  // 1 - 2 / (1 + e^2x)
  tanh: (f, x) => f32x4.sub(one, f32x4.div(two, f32x4.add(one, emitExp(f, f32x4.mul(x, two))))),
};

export const unary = ({ inputs, outputs, attributes }: KernelCall<'unary'>, { address }: Planning): Job[] => {
  const { length, function: name, a, b } = attributes;
  return [
    elementwiseJob({
      key: name,
      length,
      output: address(outputs.output),
      streams: [address(inputs.input)],
      factors: [a, b],
      compute: (f, { streams, factors }) => emitters[name](f, f.let(streams[0]), factors[0], factors[1]),
    }),
  ];
};
