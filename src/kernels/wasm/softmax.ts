import type { KernelCall } from '../kernel';
import { f32, f32x4, i32, v128 } from './assembler';
import { emitExp } from './exp';
import { type Code, type Job, type Planning, singleFunction } from './job';
import { mapRun, reduceRun } from './runs';

export const softmax = ({ inputs, outputs, attributes }: KernelCall<'softmax'>, { address }: Planning): Job[] => [
  {
    code,
    arguments: [address(inputs.input), address(outputs.output), attributes.columns * 4],
    pieces: attributes.rows,
    work: attributes.rows * attributes.columns * 16,
  },
];

/** Without the largest number taken off first, exp would overflow. */
const code: Code = singleFunction('softmax', ({ f, first, end }) => {
  const [input, output, rowBytes] = [1, 2, 3].map(() => f.parameter('i32'));
  f.advance(input, i32.mul(first, rowBytes));
  f.advance(output, i32.mul(first, rowBytes));
  f.forRange(first, end, 1, () => {
    const largest = reduceRun(f, input, rowBytes, Number.NEGATIVE_INFINITY, f32x4.max, f32.max, f32.max);
    const shift = f.let(f32x4.splat(largest));
    mapRun(f, output, rowBytes, (at, offset) => emitExp(f, f32x4.sub(v128.load(i32.add(input, at), offset), shift)));
    const sum = reduceRun(f, output, rowBytes, 0, f32x4.add, f32.add, f32.add);
    const share = f.let(f32x4.splat(f32.div(f32.const(1), sum)));
    mapRun(f, output, rowBytes, (at, offset) => f32x4.mul(v128.load(i32.add(output, at), offset), share));
    f.advance(input, rowBytes);
    f.advance(output, rowBytes);
  });
});
