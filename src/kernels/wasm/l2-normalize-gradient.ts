import type { KernelCall } from '../kernel';
import { f32, f32x4, i32, v128 } from './assembler';
import { type Code, type Job, type Planning, singleFunction } from './job';
import { sumRun } from './row-sums';
import { mapRun } from './runs';

export const l2NormalizeGradient = (
  { inputs, outputs, attributes }: KernelCall<'l2NormalizeGradient'>,
  { address }: Planning,
): Job[] => {
  const { rows, columns, epsilon } = attributes;
  return [
    {
      code,
      arguments: [...[inputs.input, inputs.outputGradient, outputs.output].map(address), ...[columns * 4, epsilon]],
      pieces: rows,
      work: rows * columns * 8,
    },
  ];
};

/** dX = (dY - x * share) / n with share = sum(dY * x) / n^2, and 0 where n is so small that epsilon takes its place. */
const code: Code = singleFunction('l2NormalizeGradient', ({ f, first, end }) => {
  const [input, gradient, target, rowBytes] = [1, 2, 3, 4].map(() => f.parameter('i32'));
  const epsilon = f.parameter('f32');
  const load = (start: typeof input, at: typeof input, shift: number) => v128.load(i32.add(start, at), shift);
  for (const start of [input, gradient, target]) f.advance(start, i32.mul(first, rowBytes));
  f.forRange(first, end, 1, () => {
    const squares = sumRun(f, rowBytes, (at, shift) => {
      const x = f.let(load(input, at, shift));
      return f32x4.mul(x, x);
    });
    const dot = sumRun(f, rowBytes, (at, shift) => f32x4.mul(load(input, at, shift), load(gradient, at, shift)));
    const length = f.let(f32.sqrt(squares));
    const share = f.let(f32x4.const(0));
    f.when(f32.gt(length, epsilon), () => f.set(share, f32x4.splat(f32.div(f32.div(dot, length), length))));
    const divisor = f.let(f32x4.splat(f32.max(length, epsilon)));
    mapRun(f, target, rowBytes, (at, shift) =>
      f32x4.div(f32x4.sub(load(gradient, at, shift), f32x4.mul(load(input, at, shift), share)), divisor),
    );
    for (const start of [input, gradient, target]) f.advance(start, rowBytes);
  });
});
