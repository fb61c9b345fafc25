import { platform } from '#platform';
import type { PlatformWorker } from '../../platform/platform';
import {
  ACTIVE,
  BATCH_ADDRESS,
  BATCH_COUNT,
  BATCH_SERIAL,
  CONTROL_BYTES,
  FAILED,
  GENERATION,
  JOB_ARGUMENT_COUNT,
  JOB_ARGUMENTS,
  JOB_BYTES,
  JOB_CODE_ADDRESS,
  JOB_CODE_BYTES,
  JOB_DONE,
  JOB_GRAIN,
  JOB_MODULE,
  JOB_NEXT,
  JOB_PIECES,
  JOB_WORDS,
  MAX_ARGUMENTS,
  MESSAGE,
  MESSAGE_WORDS,
  READY,
  type RunnableJob,
  waitForValue,
  workThrough,
} from './batch';
import type { Memory } from './memory';
import type { CompiledCode } from './modules';
import source from './worker.ts?worker';

export interface ThreadJob extends RunnableJob {
  readonly module: CompiledCode;
}

/** Jobs that are written down in the memory (or kept here, where no worker takes part: address 0). */
export interface Batch {
  readonly jobs: ThreadJob[];
  readonly address: number;
  /** By this workers know a batch that they have read before: a new one when it is changed. */
  serial: number;
  free(): void;
}

/** Less than this many multiply-adds are not worth another thread's attention: some ten microseconds. */
const LEAST_WORK = 200_000;
/** Shares per thread, so that a thread that is held up leaves its share to the others. */
const SHARES = 4;
const START_MILLISECONDS = 10_000;

/** Pieces that a thread takes at a time; all of them when the job is too small to share. */
export const grainOf = (pieces: number, work: number, threads: number): number => {
  if (threads === 1 || work < 2 * LEAST_WORK) return pieces;
  const worthwhile = Math.ceil((pieces * LEAST_WORK) / work);
  return Math.max(1, Math.min(pieces, Math.max(worthwhile, Math.ceil(pieces / (threads * SHARES)))));
};

/**
 * The threads that jobs run on: the caller and count - 1 workers that sleep on the shared memory. Work is handed out
 * through the memory alone; the only message is the one that starts a worker.
 */
export class Threads {
  private readonly workers: PlatformWorker[] = [];
  private readonly maySleep = canSleep();
  private readonly control: number;
  private readonly state: Int32Array;
  private words: Int32Array;
  private eager: { address: number; capacity: number } | undefined;
  private nextSerial = 1;
  private failure: Error | undefined;

  private constructor(
    private readonly memory: Memory,
    readonly count: number,
  ) {
    this.control = memory.allocateBytes(CONTROL_BYTES);
    this.state = new Int32Array(memory.memory.buffer, this.control, CONTROL_BYTES / 4);
    this.state.fill(0);
    this.words = new Int32Array(memory.memory.buffer);
  }

  /** Resolves when every worker has answered; rejects when one cannot start. */
  static async start(memory: Memory, count: number): Promise<Threads> {
    if (count > 1 && typeof SharedArrayBuffer === 'undefined')
      throw new Error('wasm: threads need shared memory, which a page has only when it is cross-origin isolated');
    const threads = new Threads(memory, count);
    for (let k = 1; k < count; k++) {
      const worker = platform.startWorker(source, { memory: memory.memory, control: threads.control, thread: k });
      worker.onError((error) => {
        threads.failure ??= error;
      });
      threads.workers.push(worker);
    }
    const deadline = performance.now() + START_MILLISECONDS;
    while (Atomics.load(threads.state, READY) < count - 1) {
      if (!threads.failure && performance.now() > deadline) threads.failure = new Error('a worker does not answer');
      if (threads.failure) {
        threads.close();
        throw new Error(`wasm: the threads cannot be started: ${threads.failure.message}`, { cause: threads.failure });
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return threads;
  }

  /** Writes the jobs down in the memory, to be run again and again. */
  prepare(jobs: readonly ThreadJob[]): Batch {
    const address = this.needsWorkers(jobs) ? this.memory.allocateBytes(jobs.length * JOB_BYTES) : 0;
    if (address !== 0) this.writeJobs(address, jobs);
    const free = () => {
      if (address !== 0) this.memory.freeBytes(address);
    };
    return { jobs: [...jobs], address, serial: this.nextSerial++, free };
  }

  /** Other jobs at some places of a batch. */
  change(batch: Batch, changed: ReadonlyMap<number, ThreadJob>): void {
    if (batch.address !== 0) this.lookAgain();
    for (const [k, job] of changed) {
      batch.jobs[k] = job;
      if (batch.address !== 0) this.writeJob(batch.address, k, job);
    }
    batch.serial = this.nextSerial++;
  }

  /** Runs jobs once. */
  run(jobs: readonly ThreadJob[]): void {
    if (!this.needsWorkers(jobs)) {
      runAlone(jobs);
      return;
    }
    if (!this.eager || this.eager.capacity < jobs.length) {
      if (this.eager) this.memory.freeBytes(this.eager.address);
      this.eager = { address: this.memory.allocateBytes(jobs.length * JOB_BYTES), capacity: jobs.length };
    }
    this.writeJobs(this.eager.address, jobs);
    this.share(this.eager.address, 0, jobs);
  }

  runBatch(batch: Batch): void {
    if (batch.address === 0) runAlone(batch.jobs);
    else {
      this.resetCounters(batch.address, batch.jobs.length);
      this.share(batch.address, batch.serial, batch.jobs);
    }
  }

  close(): void {
    for (const worker of this.workers) worker.terminate();
    this.workers.length = 0;
  }

  private needsWorkers(jobs: readonly ThreadJob[]): boolean {
    return this.count > 1 && jobs.some(({ pieces, grain }) => grain < pieces);
  }

  private share(address: number, serial: number, jobs: readonly ThreadJob[]): void {
    if (this.failure) throw new Error(`wasm: a worker has failed: ${this.failure.message}`, { cause: this.failure });
    const { state } = this;
    Atomics.store(state, BATCH_COUNT, jobs.length);
    Atomics.store(state, BATCH_SERIAL, serial);
    Atomics.store(state, BATCH_ADDRESS, address);
    Atomics.add(state, GENERATION, 1);
    Atomics.notify(state, GENERATION);
    let failure: unknown;
    workThrough(this.words, address, jobs, {
      isCaller: true,
      maySleep: this.maySleep,
      onError: (error) => {
        failure ??= error;
      },
    });
    Atomics.store(state, BATCH_ADDRESS, 0);
    waitForValue(state, ACTIVE, 0, this.maySleep);
    if (failure) throw failure;
    const length = Atomics.load(state, FAILED);
    if (length > 0) {
      const message = String.fromCharCode(...state.subarray(MESSAGE, MESSAGE + Math.min(length, MESSAGE_WORDS)));
      Atomics.store(state, FAILED, 0);
      throw new Error(`wasm: a worker has failed: ${message}`);
    }
  }

  private writeJobs(address: number, jobs: readonly ThreadJob[]): void {
    this.lookAgain();
    for (let k = 0; k < jobs.length; k++) this.writeJob(address, k, jobs[k]);
    this.resetCounters(address, jobs.length);
  }

  private writeJob(address: number, k: number, { module, arguments: values, pieces, grain }: ThreadJob): void {
    if (values.length > MAX_ARGUMENTS) throw new Error(`wasm: a job with ${values.length} arguments`);
    const { words } = this;
    const base = (address >>> 2) + k * JOB_WORDS;
    words[base + JOB_MODULE] = module.id;
    words[base + JOB_CODE_ADDRESS] = module.address;
    words[base + JOB_CODE_BYTES] = module.bytes.length;
    words[base + JOB_PIECES] = pieces;
    words[base + JOB_GRAIN] = grain;
    words[base + JOB_ARGUMENT_COUNT] = values.length;
    new Float64Array(words.buffer, (base + JOB_ARGUMENTS) * 4, values.length).set(values);
  }

  /** The memory may have grown, which leaves views of it behind. */
  private lookAgain(): void {
    if (this.words.buffer !== this.memory.memory.buffer) this.words = new Int32Array(this.memory.memory.buffer);
  }

  private resetCounters(address: number, count: number): void {
    for (let k = 0; k < count; k++) {
      const base = (address >>> 2) + k * JOB_WORDS;
      this.words[base + JOB_NEXT] = 0;
      this.words[base + JOB_DONE] = 0;
    }
  }
}

const runAlone = (jobs: readonly ThreadJob[]): void => {
  for (const { run, arguments: values, pieces } of jobs) run(0, pieces, ...values);
};

/** A browser's main thread may not sleep. */
const canSleep = (): boolean => {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0);
    return true;
  } catch {
    return false;
  }
};
