import type { KernelCall } from '../kernel';
import { f32, f32x4, f64, i32, v128 } from './assembler';
import { type Code, type Job, type Planning, singleFunction } from './job';
import { sumRun } from './row-sums';

export const rightAnswers = (
  { inputs, outputs, attributes }: KernelCall<'rightAnswers'>,
  { address }: Planning,
): Job[] => {
  const { rows, columns } = attributes;
  return [
    {
      code,
      arguments: [...[inputs.logits, inputs.labels, outputs.output].map(address), columns],
      pieces: rows,
      work: rows * columns,
    },
  ];
};

/** The smaller logits of a row are counted, which must be all but the label's own. */
const code: Code = singleFunction('rightAnswers', ({ f, first, end }) => {
  const [logits, labels, answers, columns] = [1, 2, 3, 4].map(() => f.parameter('i32'));
  const rowBytes = f.let(i32.shl(columns, 2));
  f.forRange(first, end, 1, (index) => {
    const place = f.let(i32.shl(index, 2));
    const row = f.let(i32.add(logits, i32.mul(index, rowBytes)));
    const label = i32.truncF64(f64.fromF32(f32.load(i32.add(labels, place))));
    const own = f.let(f32x4.splat(f32.load(i32.add(row, i32.shl(label, 2)))));
    const one = f.let(f32x4.const(1));
    const smaller = sumRun(f, rowBytes, (at, offset) =>
      v128.and(f32x4.gt(own, v128.load(i32.add(row, at), offset)), one),
    );
    const allButOne = f32.gt(smaller, f32.sub(f32.fromI32(columns), f32.const(1.5)));
    f.storeF32(i32.add(answers, place), f32.fromI32(allButOne));
  });
});
