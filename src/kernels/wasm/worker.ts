// A thread of the pool: waits for batches in shared memory and works on them. It hears from the page or process once,
// at its start; everything else, modules included, it reads out of the memory.
import {
  ACTIVE,
  BATCH_ADDRESS,
  BATCH_COUNT,
  BATCH_SERIAL,
  FAILED,
  GENERATION,
  JOB_ARGUMENT_COUNT,
  JOB_ARGUMENTS,
  JOB_CODE_ADDRESS,
  JOB_CODE_BYTES,
  JOB_GRAIN,
  JOB_MODULE,
  JOB_PIECES,
  JOB_WORDS,
  MESSAGE,
  MESSAGE_WORDS,
  READY,
  type RunnableJob,
  type RunPieces,
  workThrough,
} from './batch';

export interface WorkerStart {
  readonly memory: WebAssembly.Memory;
  /** Where the control words are. */
  readonly control: number;
  /** Its number; the caller is 0. */
  readonly thread: number;
}

/** Decoded batches of programs that are kept; eager calls (serial 0) are decoded each time. */
const MOST_BATCHES = 64;
/** Compiled modules that are kept for batches still to come; those that are decoded have their own. */
const MOST_MODULES = 2048;
/** Turns of looking for the next batch before going to sleep: eager calls follow each other closely. */
const SPINS = 10_000;

const serve = ({ memory, control, thread }: WorkerStart): never => {
  const modules = new Map<number, RunPieces>();
  const batches = new Map<number, RunnableJob[]>();

  /** A fresh view of the memory, which other threads may have grown since this one last looked. */
  const viewUpTo = (end: number): ArrayBufferLike => {
    if (memory.buffer.byteLength < end) memory.grow(0);
    return memory.buffer;
  };

  const moduleOf = (id: number, address: number, length: number): RunPieces => {
    const known = modules.get(id);
    if (known) return known;
    // Compiling from shared memory is not allowed: copy.
    const bytes = new Uint8Array(length);
    bytes.set(new Uint8Array(viewUpTo(address + length), address, length));
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { environment: { memory, thread } });
    const { run } = instance.exports;
    if (typeof run !== 'function') throw new Error('wasm: the module has no function "run"');
    const pieces: RunPieces = (first, end, ...rest) => run(first, end, ...rest);
    if (modules.size >= MOST_MODULES) modules.clear();
    modules.set(id, pieces);
    return pieces;
  };

  const decode = (words: Int32Array, address: number, count: number): RunnableJob[] => {
    const jobs: RunnableJob[] = [];
    for (let k = 0; k < count; k++) {
      const base = (address >>> 2) + k * JOB_WORDS;
      const firstArgument = (base + JOB_ARGUMENTS) * 4;
      const values = new Float64Array(words.buffer, firstArgument, words[base + JOB_ARGUMENT_COUNT]);
      jobs.push({
        run: moduleOf(words[base + JOB_MODULE], words[base + JOB_CODE_ADDRESS] >>> 0, words[base + JOB_CODE_BYTES]),
        arguments: [...values],
        pieces: words[base + JOB_PIECES],
        grain: words[base + JOB_GRAIN],
      });
    }
    return jobs;
  };

  const batchOf = (serial: number, words: Int32Array, address: number, count: number): RunnableJob[] => {
    const known = serial === 0 ? undefined : batches.get(serial);
    if (known) return known;
    const jobs = decode(words, address, count);
    if (serial !== 0) {
      if (batches.size >= MOST_BATCHES) batches.clear();
      batches.set(serial, jobs);
    }
    return jobs;
  };

  const state = new Int32Array(memory.buffer, control, MESSAGE + MESSAGE_WORDS);
  const report = (error: unknown): void => {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    if (Atomics.load(state, FAILED) !== 0) return;
    const length = Math.min(Math.max(message.length, 1), MESSAGE_WORDS);
    for (let k = 0; k < length; k++) state[MESSAGE + k] = message.charCodeAt(k);
    Atomics.store(state, FAILED, length);
  };

  let generation = 0;
  Atomics.add(state, READY, 1);
  Atomics.notify(state, READY);
  while (true) {
    let spin = 0;
    while (spin < SPINS && Atomics.load(state, GENERATION) === generation) spin++;
    if (spin === SPINS) Atomics.wait(state, GENERATION, generation);
    generation = Atomics.load(state, GENERATION);
    // Enter first and look afterwards: the caller closes the batch first and looks for threads inside afterwards, so
    // either this thread sees that it is closed or the caller sees this thread.
    Atomics.add(state, ACTIVE, 1);
    const address = Atomics.load(state, BATCH_ADDRESS) >>> 0;
    if (address !== 0) {
      try {
        const count = Atomics.load(state, BATCH_COUNT);
        const words = new Int32Array(viewUpTo(address + count * JOB_WORDS * 4));
        const jobs = batchOf(Atomics.load(state, BATCH_SERIAL), words, address, count);
        workThrough(words, address, jobs, { isCaller: false, maySleep: true, onError: report });
      } catch (error) {
        report(error);
      }
    }
    if (Atomics.sub(state, ACTIVE, 1) === 1) Atomics.notify(state, ACTIVE);
  }
};

globalThis.onmessage = ({ data }: MessageEvent<WorkerStart>) => serve(data);
