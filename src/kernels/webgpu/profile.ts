import type { KernelCall } from '../kernel';
import { BUFFER_USAGE, type Buffers, MAP_MODE_READ } from './buffers';
import type { Clock, Commands } from './commands';
import type { Counts } from './counts';
import type { OpenDevice } from './device';
import type { Dispatch } from './dispatch';
import type { ShaderName } from './shaders';

/** What the GPU did for one call. */
export interface ProfiledCall {
  /** Undefined for dispatches that were not made of a call (prepareDispatches): each of those is one entry. */
  call: KernelCall | undefined;
  /** In the order in which they ran. */
  shaders: ShaderName[];
  /** Whether it was done in halves, or the largest part of it. */
  isHalf: boolean;
  /** On the GPU, from the beginning of each dispatch to its end; undefined where the device takes no timestamps. */
  milliseconds: number | undefined;
}

export interface Profile {
  calls: ProfiledCall[];
  /** How often work was handed to the GPU. */
  submits: number;
}

/** A query set holds no more timestamps than this. */
const QUERIES = 4096;
const BYTES_OF_TIMESTAMP = 8;

export interface Profiler {
  /** Whether a profile is being made. */
  readonly isRunning: boolean;
  /** Keeps in mind which call these dispatches belong to. */
  note(call: KernelCall, dispatches: readonly Dispatch[]): void;
  profile(work: () => void | Promise<void>): Promise<Profile>;
}

/** Makes profiles of whatever is encoded: while it runs, one dispatch a pass, for passes are what WebGPU times. */
export function createProfiler(open: OpenDevice, commands: Commands, buffers: Buffers, counts: Counts): Profiler {
  const origins = new WeakMap<Dispatch, { call: KernelCall; place: number }>();
  let isRunning = false;

  /** One entry a call: a dispatch that does not come later in the same call than the one before it begins another. */
  const byCall = (dispatches: readonly Dispatch[], times: readonly number[] | undefined): ProfiledCall[] => {
    const calls: ProfiledCall[] = [];
    let last: { call: KernelCall; place: number } | undefined;
    for (const [k, dispatch] of dispatches.entries()) {
      const origin = origins.get(dispatch);
      const goesOn = origin && last && origin.call === last.call && origin.place > last.place;
      if (!goesOn) calls.push({ call: origin?.call, shaders: [], isHalf: false, milliseconds: times && 0 });
      last = origin;
      const entry = calls[calls.length - 1];
      entry.shaders.push(dispatch.shader);
      entry.isHalf ||= dispatch.storage === 'f16' && !/^(narrow|widen)/.test(dispatch.shader);
      if (times && entry.milliseconds !== undefined) entry.milliseconds += times[k];
    }
    return calls;
  };

  return {
    get isRunning() {
      return isRunning;
    },
    note(call, dispatches) {
      for (const [place, dispatch] of dispatches.entries()) origins.set(dispatch, { call, place });
    },
    async profile(work) {
      if (isRunning) throw new Error('webgpu: a profile is already being made');
      commands.flush();
      const stopwatch = createStopwatch(open, buffers);
      const submitsBefore = counts.submits;
      isRunning = true;
      commands.clocked(stopwatch.clock);
      try {
        await work();
      } finally {
        commands.flush();
        commands.clocked(undefined);
        isRunning = false;
      }
      const submits = counts.submits - submitsBefore;
      return { calls: byCall(stopwatch.timed, await open.settle(stopwatch.read())), submits };
    },
  };
}

/** Takes the time of dispatches, one a pass; on a device without timestamps it only writes down which they were. */
function createStopwatch({ device, features }: OpenDevice, buffers: Buffers) {
  const sets: GPUQuerySet[] = [];
  const timed: Dispatch[] = [];
  const isTiming = features.timestamps;

  const clock: Clock = (dispatch) => {
    const query = (2 * timed.length) % QUERIES;
    timed.push(dispatch);
    if (!isTiming) return {};
    if (query === 0) sets.push(device.createQuerySet({ type: 'timestamp', count: QUERIES }));
    const querySet = sets[sets.length - 1];
    return { timestampWrites: { querySet, beginningOfPassWriteIndex: query, endOfPassWriteIndex: query + 1 } };
  };

  /** Milliseconds of each dispatch; undefined without timestamps. */
  const read = async (): Promise<number[] | undefined> => {
    if (!isTiming) return undefined;
    if (timed.length === 0) return [];
    const size = sets.length * QUERIES * BYTES_OF_TIMESTAMP;
    const resolved = device.createBuffer({ size, usage: BUFFER_USAGE.queryResolve | BUFFER_USAGE.copySource });
    const staging = buffers.staging(size);
    const encoder = device.createCommandEncoder();
    for (const [k, set] of sets.entries())
      encoder.resolveQuerySet(set, 0, QUERIES, resolved, k * QUERIES * BYTES_OF_TIMESTAMP);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(MAP_MODE_READ, 0, size);
    const nanoseconds = new BigInt64Array(staging.getMappedRange(0, size).slice(0));
    staging.unmap();
    buffers.recycle(staging);
    for (const set of sets) set.destroy();
    resolved.destroy();
    // A clock that is set back in between gives less than nothing: that counts as no time.
    return timed.map((_, k) => Math.max(0, Number(nanoseconds[2 * k + 1] - nanoseconds[2 * k]) / 1e6));
  };

  return { clock, timed, read };
}
