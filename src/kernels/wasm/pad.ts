import type { KernelCall, KernelTable } from '../kernel';
import { i32 } from './assembler';
import { type Code, type Job, type Planning, singleFunction } from './job';
import { copyRun, zeroRun } from './runs';

export const pad = ({ inputs, outputs, attributes }: KernelCall<'pad'>, { address }: Planning): Job[] => [
  padJob(attributes, address(inputs.input), address(outputs.output)),
];

export const padJob = (sizes: KernelTable['pad']['attributes'], input: number, output: number): Job => {
  const { batch, height, width, channels, outHeight, outWidth, outChannels, top, left } = sizes;
  return {
    code: outChannels === channels ? rowsCode : pixelsCode,
    arguments: [input, output, height, width, channels, outHeight, outWidth, outChannels, top, left],
    pieces: batch * outHeight,
    work: batch * outHeight * outWidth * outChannels * 4,
  };
};

/** A piece is a row of the output. New channels make each pixel a run of its own, otherwise a row is one run. */
const padCode = (name: string, pixelByPixel: boolean): Code =>
  singleFunction(`pad ${name}`, ({ f, first, end }) => {
    const parameter = () => f.parameter('i32');
    const [input, output, height, width, channels] = [1, 2, 3, 4, 5].map(parameter);
    const [outHeight, outWidth, outChannels, top, left] = [1, 2, 3, 4, 5].map(parameter);
    const pixelBytes = f.let(i32.shl(channels, 2));
    const outPixelBytes = f.let(i32.shl(outChannels, 2));
    const rowBytes = f.let(i32.mul(width, pixelBytes));
    const outRowBytes = f.let(i32.mul(outWidth, outPixelBytes));
    const leftBytes = f.let(i32.mul(left, outPixelBytes));
    const rightBytes = f.let(i32.sub(outRowBytes, i32.add(leftBytes, i32.mul(width, outPixelBytes))));
    f.forRange(first, end, 1, (row) => {
      const target = f.let(i32.add(output, i32.mul(row, outRowBytes)));
      const y = f.let(i32.sub(i32.remU(row, outHeight), top));
      f.when(
        i32.ltU(y, height), // unsigned: a negative y is large
        () => {
          const sourceRow = i32.add(i32.mul(i32.divU(row, outHeight), height), y);
          const source = f.let(i32.add(input, i32.mul(sourceRow, rowBytes)));
          zeroRun(f, target, leftBytes);
          f.advance(target, leftBytes);
          if (pixelByPixel) {
            const newBytes = f.let(i32.sub(outPixelBytes, pixelBytes));
            f.forRange(0, width, 1, () => {
              copyRun(f, source, target, pixelBytes);
              f.advance(source, pixelBytes);
              f.advance(target, pixelBytes);
              zeroRun(f, target, newBytes);
              f.advance(target, newBytes);
            });
          } else {
            copyRun(f, source, target, rowBytes);
            f.advance(target, rowBytes);
          }
          zeroRun(f, target, rightBytes);
        },
        () => zeroRun(f, target, outRowBytes),
      );
    });
  });

const rowsCode = padCode('rows', false);
const pixelsCode = padCode('pixels', true);
