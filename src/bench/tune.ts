import type { Program } from '../kernels/backend';
import type { KernelCall, Slot } from '../kernels/kernel';
import { multiplyAdds } from '../kernels/multiply-adds';
import type { WebgpuBackend } from '../kernels/webgpu/backend';
import { candidates } from '../kernels/webgpu/candidates';
import { dispatchesOf } from '../kernels/webgpu/kernels';
import { shapeKey } from '../kernels/webgpu/tile-table';
import { rebind } from '../nn/placement';
import { random } from '../tensor/random';
import { programTurn } from './gpu-times';
import { medianTimes } from './measure';
import type { Task } from './tasks';

/** What was measured of one call's sizes. */
export interface TunedShape {
  /** As shapeKey() names it. */
  shape: string;
  /** Of each tile, the fastest first. */
  tiles: { tile: string; milliseconds: number }[];
  /** What the rule of thumb chooses takes. */
  ruleMilliseconds: number;
  /** The fastest tile, where it beats the rule of thumb by more than the times vary. */
  chosen?: string;
}

/** A tile that is not faster by this share is as fast. */
const LEAST_GAIN = 0.03;

/**
 * The calls of some tasks that have tiles to choose from, one of each shape. The tasks are carried out once.
 *
 * @param limit tasks of more multiply-adds are left out
 */
export async function tunableCalls(
  backend: WebgpuBackend,
  tasks: readonly Task[],
  { limit, signal }: { limit: number; signal?: AbortSignal },
): Promise<KernelCall[]> {
  const found = new Map<string, KernelCall>();
  for (const task of tasks) {
    signal?.throwIfAborted();
    const { multiplyAdds: total, run, dispose } = await task.open(backend);
    try {
      if (total > limit) continue;
      for (const { call } of (await backend.profile(() => run(1))).calls) {
        if (!call) continue;
        const key = shapeKey(call);
        if (key !== undefined && candidates(call).length > 1) found.set(key, call);
      }
    } finally {
      dispose();
    }
  }
  return [...found.values()].sort((a, b) => multiplyAdds(a) - multiplyAdds(b));
}

/** Measures every tile for a call, on slots of its own with random numbers; they take turns, for about so many seconds each. */
export async function tuneCall(
  backend: WebgpuBackend,
  call: KernelCall,
  { seconds, signal }: { seconds: number; signal?: AbortSignal },
): Promise<TunedShape> {
  const shape = shapeKey(call);
  if (shape === undefined) throw new Error(`tune: ${call.kernel} has no tiles to choose from`);
  const generator = random(1);
  const slots = new Map<Slot, Slot>();
  const own = (slot: Slot): Slot => {
    const known = slots.get(slot) ?? backend.allocate(slot.length);
    slots.set(slot, known);
    return known;
  };
  let preparing: Promise<Program>[] = [];
  try {
    const rebound = rebind(call, own);
    for (const slot of slots.values())
      backend.write(
        slot,
        Float32Array.from({ length: slot.length }, () => generator.between(-1, 1)),
      );
    const choices = candidates(rebound);
    preparing = [dispatchesOf(rebound, Number.POSITIVE_INFINITY), ...choices.map((one) => one.dispatches)].map(
      (dispatches) => backend.prepareDispatches(dispatches), // which are compiled at once
    );
    const turns = (await Promise.all(preparing)).map((program) => programTurn(backend, program, signal));
    const [ruleMilliseconds, ...times] = await medianTimes(turns, { rounds: 9, warmUps: 1, seconds });
    const tiles = choices.map(({ tile }, k) => ({ tile, milliseconds: times[k] }));
    tiles.sort((a, b) => a.milliseconds - b.milliseconds);
    const [best] = tiles;
    const isWorthwhile = best.milliseconds < (1 - LEAST_GAIN) * ruleMilliseconds;
    return { shape, tiles, ruleMilliseconds, ...(isWorthwhile && { chosen: best.tile }) };
  } finally {
    for (const prepared of await Promise.allSettled(preparing))
      if (prepared.status === 'fulfilled') prepared.value.free();
    for (const slot of slots.values()) backend.free(slot);
  }
}
