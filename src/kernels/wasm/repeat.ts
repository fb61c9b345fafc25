import type { KernelCall } from '../kernel';
import { i32, v128 } from './assembler';
import { elementwiseJob } from './elementwise';
import { type Code, type Job, type Planning, singleFunction } from './job';
import { mapRun } from './runs';

/** Numbers of a piece when one number is repeated. */
const CHUNK = 4096;

export const repeat = ({ inputs, outputs, attributes }: KernelCall<'repeat'>, { address }: Planning): Job[] => {
  const { length, inputLength } = attributes;
  const [input, output] = [address(inputs.input), address(outputs.output)];
  if (inputLength === 1)
    return [{ code: fillCode, arguments: [input, output, length], pieces: Math.ceil(length / CHUNK), work: length }];
  return [
    elementwiseJob({
      key: 'repeat',
      length,
      output,
      streams: [],
      vectors: [input],
      channels: inputLength,
      compute: (_, { vectors }) => vectors[0],
    }),
  ];
};

const fillCode: Code = singleFunction('repeat one number', ({ f, first, end }) => {
  const [input, output, length] = [1, 2, 3].map(() => f.parameter('i32'));
  const value = f.let(v128.loadSplat(input));
  f.forRange(first, end, 1, (piece) => {
    const start = f.let(i32.mul(piece, CHUNK));
    const numbers = f.let(i32.sub(length, start));
    f.set(numbers, i32.min(numbers, CHUNK));
    mapRun(f, f.let(i32.add(output, i32.shl(start, 2))), i32.shl(numbers, 2), () => value);
  });
});
