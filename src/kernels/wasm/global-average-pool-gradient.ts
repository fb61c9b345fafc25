import type { KernelCall } from '../kernel';
import { f32x4, i32, v128 } from './assembler';
import { type Code, type Job, type Planning, singleFunction } from './job';
import { mapRun } from './runs';

/** A piece is a position of an image, the same numbers in each. */
export const globalAveragePoolGradient = (
  { inputs, outputs, attributes }: KernelCall<'globalAveragePoolGradient'>,
  { address }: Planning,
): Job[] => {
  const { batch, positions, channels } = attributes;
  return [
    {
      code,
      arguments: [address(inputs.outputGradient), address(outputs.output), positions, channels * 4, 1 / positions],
      pieces: batch * positions,
      work: batch * positions * channels * 4,
    },
  ];
};

const code: Code = singleFunction('globalAveragePoolGradient', ({ f, first, end }) => {
  const [gradient, output, positions, pixelBytes] = [1, 2, 3, 4].map(() => f.parameter('i32'));
  const share = f.let(f32x4.splat(f.parameter('f32')));
  f.forRange(first, end, 1, (pixel) => {
    const source = f.let(i32.add(gradient, i32.mul(i32.divU(pixel, positions), pixelBytes)));
    const target = f.let(i32.add(output, i32.mul(pixel, pixelBytes)));
    mapRun(f, target, pixelBytes, (at, shift) => f32x4.mul(v128.load(i32.add(source, at), shift), share));
  });
});
