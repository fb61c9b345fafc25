import type { Program } from '../kernels/backend';
import type { WebgpuBackend } from '../kernels/webgpu/backend';
import type { Turn } from './measure';

/** A run shorter than this (milliseconds) is measured several at a time. */
const SHORTEST_TURN = 5;
const MOST_RUNS = 20;

/** Turns that run a program and give its milliseconds: by the GPU's own clock, where it has one. The first warms up. */
export function programTurn(backend: WebgpuBackend, program: Program, signal?: AbortSignal): Turn {
  let runs = 1;
  return async () => {
    signal?.throwIfAborted();
    const replay = () => {
      for (let k = 0; k < runs; k++) program.run();
    };
    const started = performance.now();
    const { calls } = await backend.profile(replay);
    // The profile waits for the work where it reads timestamps; else somebody has to.
    if (!backend.features.timestamps) await finished(backend);
    const elapsed = performance.now() - started;
    const milliseconds = backend.features.timestamps
      ? calls.reduce((sum, call) => sum + (call.milliseconds ?? 0), 0)
      : elapsed;
    const one = milliseconds / runs;
    runs = Math.min(MOST_RUNS, Math.max(1, Math.ceil(SHORTEST_TURN / one)));
    return [one];
  };
}

/** Waits until everything is done: reading one number does. */
export async function finished(backend: Pick<WebgpuBackend, 'allocate' | 'read' | 'free'>): Promise<void> {
  const last = backend.allocate(1);
  await backend.read(last);
  backend.free(last);
}
