import type { UnaryFunction } from '../graph-kernels';
import type { ReferenceKernel } from './reference-kernel';

const between = (x: number, lowest: number, highest: number): number => Math.min(highest, Math.max(lowest, x));

export const unaryFunctions: { [F in UnaryFunction]: (x: number, a: number, b: number) => number } = {
  absolute: Math.abs,
  ceil: Math.ceil,
  clip: between,
  elu: (x, a) => (x > 0 ? x : a * Math.expm1(x)),
  exp: Math.exp,
  floor: Math.floor,
  hardSigmoid: (x, a, b) => between(a * x + b, 0, 1),
  hardSwish: (x, a, b) => x * between(a * x + b, 0, 1),
  log: Math.log,
  reciprocal: (x) => 1 / x,
  round: (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x)),
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), // as log(1 + e^x), which overflows
  softsign: (x) => x / (1 + Math.abs(x)),
  sqrt: Math.sqrt,
  tanh: Math.tanh,
};

// y[i] = f(x[i])
export const unary: ReferenceKernel<'unary'> = ({ inputs, outputs, attributes }, at) => {
  const { length, function: name, a, b } = attributes;
  const f = unaryFunctions[name];
  const x = at(inputs.input);
  const y = at(outputs.output);
  for (let i = 0; i < length; i++) y[i] = f(x[i], a, b);
};
