import { type F32, type FunctionBuilder, f32, f32x4, type I32, i32, type Local, type V128, v128 } from './assembler';

/** The value that belongs at byte `at + shift` of a run; `shift` goes into the address of a load as it is. */
export type RunValue = (at: Local<'i32'>, shift: number) => V128;

/** Stores the first `count` numbers of a vector, all four if there are more. */
export const storeFirst = (f: FunctionBuilder, target: Local<'i32'>, value: V128, count: Local<'i32'>): void => {
  const kept = f.let(value);
  f.when(
    i32.geS(count, 4),
    () => f.store(target, kept),
    () => {
      f.storeLane(target, kept, 0);
      f.when(i32.gtS(count, 1), () => f.storeLane(target, kept, 1, 4));
      f.when(i32.gtS(count, 2), () => f.storeLane(target, kept, 2, 8));
    },
  );
};

/**
 * Fills the run of `bytes` bytes at target: four vectors at a time, then one, then the last one to three numbers.
 * Those are computed as a whole vector too, from loads that hang over the end of their slots (memory.ts has room for
 * it), of which only the numbers that exist are stored.
 */
export const mapRun = (f: FunctionBuilder, target: Local<'i32'>, bytes: I32, value: RunValue): void => {
  const at = f.let(i32.const(0));
  const end = f.let(i32.sub(bytes, 63));
  f.continueRange(at, end, 64, () => {
    const address = f.let(i32.add(target, at));
    for (let shift = 0; shift < 64; shift += 16) f.store(address, value(at, shift), shift);
  });
  f.set(end, i32.sub(bytes, 15));
  f.continueRange(at, end, 16, () => f.store(i32.add(target, at), value(at, 0)));
  f.set(end, i32.sub(bytes, at));
  f.when(i32.gtS(end, 0), () => {
    const count = f.let(i32.shrU(end, 2));
    storeFirst(f, f.let(i32.add(target, at)), value(at, 0), count);
  });
};

export const copyRun = (f: FunctionBuilder, source: Local<'i32'>, target: Local<'i32'>, bytes: I32): void =>
  mapRun(f, target, bytes, (at, shift) => v128.load(i32.add(source, at), shift));

export const zeroRun = (f: FunctionBuilder, target: Local<'i32'>, bytes: I32): void =>
  mapRun(f, target, bytes, () => f32x4.const(0));

/**
 * Reduces the run at source to one number: four lanes side by side, then the lanes and the last one to three numbers.
 * `start` must change nothing (0 for a sum).
 */
export const reduceRun = (
  f: FunctionBuilder,
  source: Local<'i32'>,
  bytes: I32,
  start: number,
  vectorStep: (sum: V128, value: Local<'v128'>) => V128,
  scalarStep: (sum: F32, value: Local<'f32'>) => F32,
  joinLanes: (left: F32, right: F32) => F32,
): Local<'f32'> => {
  const lanes = f.let(f32x4.const(start));
  const at = f.let(i32.const(0));
  const end = f.let(i32.sub(bytes, 15));
  f.continueRange(at, end, 16, () => f.set(lanes, vectorStep(lanes, f.let(v128.load(i32.add(source, at))))));
  const pair = (left: number, right: number): F32 => joinLanes(f32x4.lane(lanes, left), f32x4.lane(lanes, right));
  const result = f.let(joinLanes(pair(0, 1), pair(2, 3)));
  f.continueRange(at, bytes, 4, () => f.set(result, scalarStep(result, f.let(f32.load(i32.add(source, at))))));
  return result;
};
