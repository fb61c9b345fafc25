import type { KernelCall } from '../kernel';
import { f32x4, i32, v128 } from './assembler';
import { type Code, type Job, type Planning, singleFunction } from './job';
import { sumRun } from './row-sums';
import { mapRun } from './runs';

export const softmaxGradient = (
  { inputs, outputs, attributes }: KernelCall<'softmaxGradient'>,
  { address }: Planning,
): Job[] => [
  {
    code,
    arguments: [...[inputs.output, inputs.outputGradient, outputs.output].map(address), attributes.columns * 4],
    pieces: attributes.rows,
    work: attributes.rows * attributes.columns * 8,
  },
];

const code: Code = singleFunction('softmaxGradient', ({ f, first, end }) => {
  const [y, gradient, target, rowBytes] = [1, 2, 3, 4].map(() => f.parameter('i32'));
  const load = (start: typeof y, at: typeof y, shift: number) => v128.load(i32.add(start, at), shift);
  for (const start of [y, gradient, target]) f.advance(start, i32.mul(first, rowBytes));
  f.forRange(first, end, 1, () => {
    const dot = sumRun(f, rowBytes, (at, shift) => f32x4.mul(load(y, at, shift), load(gradient, at, shift)));
    const shared = f.let(f32x4.splat(dot));
    mapRun(f, target, rowBytes, (at, shift) =>
      f32x4.mul(load(y, at, shift), f32x4.sub(load(gradient, at, shift), shared)),
    );
    for (const start of [y, gradient, target]) f.advance(start, rowBytes);
  });
});
