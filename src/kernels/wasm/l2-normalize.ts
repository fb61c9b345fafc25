import type { KernelCall } from '../kernel';
import { f32, f32x4, i32, v128 } from './assembler';
import { type Code, type Job, type Planning, singleFunction } from './job';
import { mapRun, reduceRun } from './runs';

export const l2Normalize = (
  { inputs, outputs, attributes }: KernelCall<'l2Normalize'>,
  { address }: Planning,
): Job[] => {
  const { rows, columns, epsilon } = attributes;
  return [
    {
      code,
      arguments: [address(inputs.input), address(outputs.output), columns * 4, epsilon],
      pieces: rows,
      work: rows * columns * 4,
    },
  ];
};

const code: Code = singleFunction('l2Normalize', ({ f, first, end }) => {
  const [input, output, rowBytes] = [1, 2, 3].map(() => f.parameter('i32'));
  const epsilon = f.parameter('f32');
  f.advance(input, i32.mul(first, rowBytes));
  f.advance(output, i32.mul(first, rowBytes));
  f.forRange(first, end, 1, () => {
    const squares = reduceRun(
      f,
      input,
      rowBytes,
      0,
      (sum, value) => f32x4.add(sum, f32x4.mul(value, value)),
      (sum, value) => f32.add(sum, f32.mul(value, value)),
      f32.add,
    );
    const length = f.let(f32x4.splat(f32.max(f32.sqrt(squares), epsilon)));
    mapRun(f, output, rowBytes, (at, offset) => f32x4.div(v128.load(i32.add(input, at), offset), length));
    f.advance(input, rowBytes);
    f.advance(output, rowBytes);
  });
});
