import { f32, i32 } from './assembler';
import { type Code, type Job, type Planning, singleFunction } from './job';

/** A copy of a matrix [rows, columns] the other way round, [columns, rows], in scratch memory. */
export const transpose = (
  from: number,
  { rows, columns }: { rows: number; columns: number },
  { scratch }: Planning,
): { job: Job; address: number } => {
  const address = scratch(rows * columns * 4);
  return {
    job: { code, arguments: [from, address, rows, columns], pieces: columns, work: rows * columns * 4 },
    address,
  };
};

/** A piece is a column, read with strides and written in one go. */
const code: Code = singleFunction('transpose', ({ f, first, end }) => {
  const [from, to, rows, columns] = [1, 2, 3, 4].map(() => f.parameter('i32'));
  const rowBytes = f.let(i32.shl(columns, 2));
  const target = f.let(i32.add(to, i32.mul(first, i32.shl(rows, 2))));
  f.forRange(first, end, 1, (column) => {
    const source = f.let(i32.add(from, i32.shl(column, 2)));
    f.forRange(0, rows, 1, () => {
      f.storeF32(target, f32.load(source));
      f.advance(source, rowBytes);
      f.advance(target, 4);
    });
  });
});
