import type { KernelCall } from '../kernel';
import { i32 } from './assembler';
import { type Code, type Job, type Planning, singleFunction } from './job';
import { copyRun } from './runs';

/** A piece is a row of the output image: one run where all channels stay, else a run a pixel. */
export const crop = ({ inputs, outputs, attributes }: KernelCall<'crop'>, { address }: Planning): Job[] => {
  const { batch, height, width, channels, outHeight, outWidth, outChannels, top, left } = attributes;
  const allChannels = channels === outChannels;
  const firstPixel = (top * outWidth + left) * outChannels;
  return [
    {
      code,
      arguments: [
        ...[address(inputs.input) + firstPixel * 4, address(outputs.output)],
        ...[height, outHeight, outWidth * outChannels * 4],
        ...(allChannels ? [1, width * channels * 4] : [width, channels * 4]),
        outChannels * 4,
      ],
      pieces: batch * height,
      work: batch * height * width * channels * 4,
    },
  ];
};

const code: Code = singleFunction('crop', ({ f, first, end }) => {
  const parameter = () => f.parameter('i32');
  const [input, output, height, outHeight, rowBytes] = [1, 2, 3, 4, 5].map(parameter);
  const [runs, runBytes, stepBytes] = [1, 2, 3].map(parameter);
  const target = f.let(i32.add(output, i32.mul(first, i32.mul(runs, runBytes))));
  f.forRange(first, end, 1, (row) => {
    const inputRow = i32.add(i32.mul(i32.divU(row, height), outHeight), i32.remU(row, height));
    const source = f.let(i32.add(input, i32.mul(inputRow, rowBytes)));
    f.forRange(0, runs, 1, () => {
      copyRun(f, source, target, runBytes);
      f.advance(source, stepBytes);
      f.advance(target, runBytes);
    });
  });
});
