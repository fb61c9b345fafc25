import type { KernelCall } from '../kernel';
import { i32 } from './assembler';
import { type Code, type Job, type Planning, singleFunction } from './job';
import { copyRun } from './runs';

/** A piece is a row of the output. */
export const slice = ({ inputs, outputs, attributes }: KernelCall<'slice'>, { address }: Planning): Job[] => {
  const { outer, total, start, inner } = attributes;
  return [
    {
      code,
      arguments: [address(inputs.input) + start * 4, address(outputs.output), total * 4, inner * 4],
      pieces: outer,
      work: outer * inner * 4,
    },
  ];
};

const code: Code = singleFunction('slice', ({ f, first, end }) => {
  const [input, output, inputBytes, outputBytes] = [1, 2, 3, 4].map(() => f.parameter('i32'));
  f.advance(input, i32.mul(first, inputBytes));
  f.advance(output, i32.mul(first, outputBytes));
  f.forRange(first, end, 1, () => {
    copyRun(f, input, output, outputBytes);
    f.advance(input, inputBytes);
    f.advance(output, outputBytes);
  });
});
