import type { Reduction } from '../graph-kernels';
import type { KernelCall } from '../kernel';
import { f32x4, i32, type Local, type V128, v128 } from './assembler';
import { type Code, type Job, type Planning, singleFunction } from './job';
import { storeFirst } from './runs';

/** Numbers of which sums are made before they join the total: keeps the rounding error of long sums small. */
const RUN = 64;

interface Emitter {
  start: number;
  /** What a number counts as. */
  term: (x: Local<'v128'>) => V128;
  join: (sum: V128, term: V128) => V128;
}

const emitters: { [R in Reduction]: Emitter } = {
  sum: { start: 0, term: (x) => x, join: f32x4.add },
  maximum: { start: Number.NEGATIVE_INFINITY, term: (x) => x, join: f32x4.max },
  minimum: { start: Number.POSITIVE_INFINITY, term: (x) => x, join: f32x4.min },
  product: { start: 1, term: (x) => x, join: f32x4.mul },
  sumOfMagnitudes: { start: 0, term: (x) => f32x4.abs(x), join: f32x4.add },
  sumOfSquares: { start: 0, term: (x) => f32x4.mul(x, x), join: f32x4.add },
};

/** A piece is four neighbouring numbers of the output, each of which goes through all that it is made of. */
export const reduce = ({ inputs, outputs, attributes }: KernelCall<'reduce'>, { address }: Planning): Job[] => {
  const { function: name, outer, count, inner } = attributes;
  return [
    {
      code: reduceCode(name),
      arguments: [address(inputs.input), address(outputs.output), count, inner],
      pieces: outer * Math.ceil(inner / 4),
      work: outer * count * inner * 4,
    },
  ];
};

const reduceCode = (name: Reduction): Code =>
  singleFunction(`reduce ${name}`, ({ f, first, end }) => {
    const [input, output, count, inner] = [1, 2, 3, 4].map(() => f.parameter('i32'));
    const { start, term, join } = emitters[name];
    const blocks = f.let(i32.shrU(i32.add(inner, 3), 2));
    const stepBytes = f.let(i32.shl(inner, 2));
    f.forRange(first, end, 1, (piece) => {
      const row = f.let(i32.divU(piece, blocks));
      const block = f.let(i32.shl(i32.remU(piece, blocks), 4));
      const at = f.let(i32.add(input, i32.add(i32.mul(i32.mul(row, count), stepBytes), block)));
      const total = f.let(f32x4.const(start));
      const run = f.local('v128');
      f.forRange(0, count, RUN, (begin) => {
        const stop = f.let(i32.add(begin, RUN));
        f.set(stop, i32.min(stop, count));
        f.set(run, f32x4.const(start));
        f.forRange(begin, stop, 1, () => {
          f.set(run, join(run, term(f.let(v128.load(at)))));
          f.advance(at, stepBytes);
        });
        f.set(total, join(total, run));
      });
      const target = f.let(i32.add(output, i32.add(i32.mul(row, stepBytes), block)));
      storeFirst(f, target, total, f.let(i32.sub(inner, i32.shrU(block, 2))));
    });
  });
