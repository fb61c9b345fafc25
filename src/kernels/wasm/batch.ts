/**
 * How the threads share a batch of jobs: the layout in shared memory and the loop that every thread runs. Jobs are
 * done one after the other; within a job each thread takes the next few pieces until none is left. A thread that
 * comes late, or not at all, holds nobody up: only pieces already taken are waited for.
 */

/** Control words, each on a cache line of its own. */
export const GENERATION = 0;
export const BATCH_ADDRESS = 16;
export const BATCH_COUNT = 32;
export const BATCH_SERIAL = 48;
export const ACTIVE = 64;
export const READY = 80;
/** Length of the message of the first error in a worker, 0 while there is none. */
export const FAILED = 96;
export const MESSAGE = 112;
export const MESSAGE_WORDS = 128;
export const CONTROL_BYTES = (MESSAGE + MESSAGE_WORDS) * 4;

/** Words of a job. The arguments follow as 64-bit floats. */
export const JOB_MODULE = 0;
export const JOB_CODE_ADDRESS = 1;
export const JOB_CODE_BYTES = 2;
export const JOB_PIECES = 3;
/** Pieces that a thread takes at a time. */
export const JOB_GRAIN = 4;
/** First piece that nobody has taken. */
export const JOB_NEXT = 5;
/** Pieces that are finished. */
export const JOB_DONE = 6;
export const JOB_ARGUMENT_COUNT = 7;
export const JOB_ARGUMENTS = 8;
export const MAX_ARGUMENTS = 20;
export const JOB_WORDS = JOB_ARGUMENTS + 2 * MAX_ARGUMENTS;
export const JOB_BYTES = JOB_WORDS * 4;

export type RunPieces = (first: number, end: number, ...rest: number[]) => void;

export interface RunnableJob {
  readonly run: RunPieces;
  readonly arguments: readonly number[];
  readonly pieces: number;
  readonly grain: number;
}

/** Spinning costs a core but answers in nanoseconds: worth it for about the time that waking a thread takes. */
const SPINS = 40_000;

/** Waits until the word has the value; `maySleep` is false on a browser's main thread, which must spin. */
export const waitForValue = (words: Int32Array, index: number, value: number, maySleep: boolean): void => {
  for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(words, index) === value) return;
  const deadline = performance.now() + 60_000;
  while (true) {
    const current = Atomics.load(words, index);
    if (current === value) return;
    if (maySleep) Atomics.wait(words, index, current, 1);
    if (performance.now() > deadline) throw new Error('wasm: a thread has stopped answering');
  }
};

/** One thread's part in a batch at the address. Errors are reported and the batch goes on, so that all threads leave it. */
export const workThrough = (
  words: Int32Array,
  address: number,
  jobs: readonly RunnableJob[],
  { isCaller, maySleep, onError }: { isCaller: boolean; maySleep: boolean; onError: (error: unknown) => void },
): void => {
  for (let k = 0; k < jobs.length; k++) {
    const { run, arguments: values, pieces, grain } = jobs[k];
    const base = (address >>> 2) + k * JOB_WORDS;
    // A job that is not split belongs to the caller, which surely has a core.
    const mayTake = isCaller || grain < pieces;
    while (mayTake) {
      const first = Atomics.add(words, base + JOB_NEXT, grain);
      if (first >= pieces) break;
      const end = Math.min(first + grain, pieces);
      try {
        run(first, end, ...values);
      } catch (error) {
        onError(error);
      }
      const done = Atomics.add(words, base + JOB_DONE, end - first) + end - first;
      if (done === pieces) Atomics.notify(words, base + JOB_DONE);
    }
    waitForValue(words, base + JOB_DONE, pieces, maySleep);
  }
};
