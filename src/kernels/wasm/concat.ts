import type { KernelCall } from '../kernel';
import { i32 } from './assembler';
import { type Code, type Job, type Planning, singleFunction } from './job';
import { copyRun } from './runs';

/** A job for each part: its rows go to where they belong in the rows of the output. */
export const concat = ({ inputs, outputs, attributes }: KernelCall<'concat'>, { address }: Planning): Job[] => {
  const { outer, inners } = attributes;
  const total = inners.reduce((sum, inner) => sum + inner, 0);
  let start = address(outputs.output);
  return inputs.parts.map((part, k) => {
    const target = start;
    start += inners[k] * 4;
    return {
      code: copyRowsCode,
      arguments: [address(part), target, inners[k] * 4, total * 4],
      pieces: outer,
      work: outer * inners[k] * 4,
    };
  });
};

const copyRowsCode: Code = singleFunction('copy rows', ({ f, first, end }) => {
  const [from, to, fromBytes, toBytes] = [1, 2, 3, 4].map(() => f.parameter('i32'));
  f.advance(from, i32.mul(first, fromBytes));
  f.advance(to, i32.mul(first, toBytes));
  f.forRange(first, end, 1, () => {
    copyRun(f, from, to, fromBytes);
    f.advance(from, fromBytes);
    f.advance(to, toBytes);
  });
});
