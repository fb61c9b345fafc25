import type { KernelCall } from '../kernel';
import { f32x4, i32, v128 } from './assembler';
import { type Code, type Job, type Planning, singleFunction } from './job';
import { storeFirst } from './runs';

/** Channels of a piece, four vectors. */
const CHANNELS = 16;
/** Positions that are summed before the sum joins the total: keeps the rounding error of long sums small. */
const RUN = 64;

export const globalAveragePool = (
  { inputs, outputs, attributes }: KernelCall<'globalAveragePool'>,
  { address }: Planning,
): Job[] => {
  const { batch, positions, channels } = attributes;
  return [
    {
      code,
      arguments: [address(inputs.input), address(outputs.output), positions, channels, 1 / positions],
      pieces: batch * Math.ceil(channels / CHANNELS),
      work: batch * positions * channels * 2,
    },
  ];
};

const code: Code = singleFunction('globalAveragePool', ({ f, first, end }) => {
  const [input, output, positions, channels] = [1, 2, 3, 4].map(() => f.parameter('i32'));
  const share = f.parameter('f32');
  const blocks = f.let(i32.divU(i32.add(channels, CHANNELS - 1), CHANNELS));
  const pixelBytes = f.let(i32.shl(channels, 2));
  f.forRange(first, end, 1, (piece) => {
    const image = f.let(i32.divU(piece, blocks));
    const channel = f.let(i32.mul(i32.remU(piece, blocks), CHANNELS));
    const at = f.let(i32.add(input, i32.add(i32.mul(i32.mul(image, positions), pixelBytes), i32.shl(channel, 2))));
    const totals = [0, 1, 2, 3].map(() => f.let(f32x4.const(0)));
    f.forRange(0, positions, RUN, (start) => {
      const stop = f.let(i32.add(start, RUN));
      f.set(stop, i32.min(stop, positions));
      const sums = totals.map(() => f.let(f32x4.const(0)));
      f.forRange(start, stop, 1, () => {
        sums.forEach((sum, v) => {
          f.set(sum, f32x4.add(sum, v128.load(at, v * 16)));
        });
        f.advance(at, pixelBytes);
      });
      totals.forEach((total, v) => {
        f.set(total, f32x4.add(total, sums[v]));
      });
    });
    const target = f.let(i32.add(output, i32.add(i32.mul(image, pixelBytes), i32.shl(channel, 2))));
    const left = f.let(i32.sub(channels, channel));
    for (const total of totals) {
      f.when(i32.gtS(left, 0), () => storeFirst(f, target, f32x4.mul(total, f32x4.splat(share)), left));
      f.advance(target, 16);
      f.set(left, i32.sub(left, 4));
    }
  });
});
