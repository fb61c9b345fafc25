import { type FunctionBuilder, f32, f32x4, type I32, i32, type Local, type V128, v128 } from './assembler';
import type { RunValue } from './runs';

/**
 * The sum of a value over a run of `bytes` bytes: four vectors side by side, joined at the end. The value of the last
 * one to three numbers is a whole vector, as in mapRun(), of which the lanes that do not exist are made 0.
 */
export const sumRun = (f: FunctionBuilder, bytes: I32, value: RunValue): Local<'f32'> => {
  const sums = [0, 1, 2, 3].map(() => f.let<'v128'>(f32x4.const(0)));
  const addTo = (sum: Local<'v128'>, term: V128): void => f.set(sum, f32x4.add(sum, term));
  const at = f.let(i32.const(0));
  const end = f.let(i32.sub(bytes, 63));
  f.continueRange(at, end, 64, () => {
    sums.forEach((sum, v) => {
      addTo(sum, value(at, v * 16));
    });
  });
  f.set(end, i32.sub(bytes, 15));
  f.continueRange(at, end, 16, () => addTo(sums[0], value(at, 0)));
  f.set(end, i32.sub(bytes, at));
  f.when(i32.gtS(end, 0), () => {
    const count = f32x4.splat(f32.fromI32(i32.shrU(end, 2)));
    addTo(sums[1], v128.and(value(at, 0), f32x4.gt(count, f32x4.lanes(0, 1, 2, 3))));
  });
  const total = f.let(f32x4.add(f32x4.add(sums[0], sums[1]), f32x4.add(sums[2], sums[3])));
  const pair = (left: number, right: number) => f32.add(f32x4.lane(total, left), f32x4.lane(total, right));
  return f.let(f32.add(pair(0, 1), pair(2, 3)));
};
