import type { KernelCall } from '../kernel';
import { type FunctionBuilder, f32, f32x4, f64, i32, type Local, v128 } from './assembler';
import { emitExp } from './exp';
import { type Code, type Job, type Planning, singleFunction } from './job';
import { emitLog } from './log';
import { sumRun } from './row-sums';
import { mapRun, reduceRun } from './runs';

export const softmaxCrossEntropy = (
  { inputs, outputs, attributes }: KernelCall<'softmaxCrossEntropy'>,
  { address }: Planning,
): Job[] => {
  const { rows, columns, smoothing } = attributes;
  return [
    {
      code: lossCode,
      arguments: [
        ...[inputs.logits, inputs.labels, outputs.output].map(address),
        ...[columns, 1 - smoothing, smoothing / columns],
      ],
      pieces: rows,
      work: rows * columns * 16,
    },
  ];
};

export const softmaxCrossEntropyGradient = (
  { inputs, outputs, attributes }: KernelCall<'softmaxCrossEntropyGradient'>,
  { address }: Planning,
): Job[] => {
  const { rows, columns, smoothing } = attributes;
  return [
    {
      code: gradientCode,
      arguments: [
        ...[inputs.logits, inputs.labels, inputs.outputGradient, outputs.output].map(address),
        ...[columns, 1 - smoothing, smoothing / columns],
      ],
      pieces: rows,
      work: rows * columns * 20,
    },
  ];
};

const largestOf = (f: FunctionBuilder, row: Local<'i32'>, bytes: Local<'i32'>): Local<'f32'> =>
  reduceRun(f, row, bytes, Number.NEGATIVE_INFINITY, f32x4.max, f32.max, f32.max);

/** Runs the body with the byte offset of the label's column, or not at all if there is no such column. */
const withLabel = (
  f: FunctionBuilder,
  label: Local<'i32'>,
  columns: Local<'i32'>,
  body: (at: Local<'i32'>) => void,
): void => {
  const column = f.let(i32.truncF64(f64.fromF32(f32.load(label))));
  f.when(i32.ltU(column, columns), () => body(f.let(i32.shl(column, 2)))); // unsigned: a negative one is large
};

/** The target sums to 1, so the largest logit can be taken off everywhere: log(sum e^d) - sum t * d with d = z - max. */
const lossCode: Code = singleFunction('softmaxCrossEntropy', ({ f, first, end }) => {
  const [logits, labels, losses, columns] = [1, 2, 3, 4].map(() => f.parameter('i32'));
  const [ofLabel, ofEach] = [f.parameter('f32'), f.parameter('f32')];
  const rowBytes = f.let(i32.shl(columns, 2));
  f.forRange(first, end, 1, (index) => {
    const row = f.let(i32.add(logits, i32.mul(index, rowBytes)));
    const largest = largestOf(f, row, rowBytes);
    const shift = f.let(f32x4.splat(largest));
    const difference = (at: Local<'i32'>, offset: number) => f32x4.sub(v128.load(i32.add(row, at), offset), shift);
    const exponentials = sumRun(f, rowBytes, (at, offset) => emitExp(f, difference(at, offset)));
    const logSum = f32x4.lane(emitLog(f, f32x4.splat(exponentials)), 0);
    const loss = f.let(f32.sub(logSum, f32.mul(ofEach, sumRun(f, rowBytes, difference))));
    withLabel(f, f.let(i32.add(labels, i32.shl(index, 2))), columns, (at) => {
      f.set(loss, f32.sub(loss, f32.mul(ofLabel, f32.sub(f32.load(i32.add(row, at)), largest))));
    });
    f.storeF32(i32.add(losses, i32.shl(index, 2)), loss);
  });
});

const gradientCode: Code = singleFunction('softmaxCrossEntropyGradient', ({ f, first, end }) => {
  const [logits, labels, gradients, output, columns] = [1, 2, 3, 4, 5].map(() => f.parameter('i32'));
  const [ofLabel, ofEach] = [f.parameter('f32'), f.parameter('f32')];
  const rowBytes = f.let(i32.shl(columns, 2));
  const each = f.let(f32x4.splat(ofEach));
  f.forRange(first, end, 1, (index) => {
    const row = f.let(i32.add(logits, i32.mul(index, rowBytes)));
    const target = f.let(i32.add(output, i32.mul(index, rowBytes)));
    const shift = f.let(f32x4.splat(largestOf(f, row, rowBytes)));
    mapRun(f, target, rowBytes, (at, offset) => emitExp(f, f32x4.sub(v128.load(i32.add(row, at), offset), shift)));
    const stored = (at: Local<'i32'>, offset: number) => v128.load(i32.add(target, at), offset);
    const share = f.let(f32x4.splat(f32.div(f32.const(1), sumRun(f, rowBytes, stored))));
    const gradient = f.let(f32.load(i32.add(gradients, i32.shl(index, 2))));
    const factor = f.let(f32x4.splat(gradient));
    mapRun(f, target, rowBytes, (at, offset) =>
      f32x4.mul(f32x4.sub(f32x4.mul(stored(at, offset), share), each), factor),
    );
    withLabel(f, f.let(i32.add(labels, i32.shl(index, 2))), columns, (at) => {
      const place = f.let(i32.add(target, at));
      f.storeF32(place, f32.sub(f32.load(place), f32.mul(gradient, ofLabel)));
    });
  });
});
