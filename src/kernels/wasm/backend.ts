import { platform } from '#platform';
import type { Backend, PrepareOptions, Program } from '../backend';
import type { KernelCall, KernelName, Slot } from '../kernel';
import { activation } from './activation';
import { activationGradient } from './activation-gradient';
import { adamStep } from './adam-step';
import { add } from './add';
import { affineWarp } from './affine-warp';
import { averagePool2d } from './average-pool2d';
import { batchNorm } from './batch-norm';
import { batchNormInputGradient, batchNormSums, batchNormTraining } from './batch-norm-training';
import { channelMoments } from './channel-moments';
import { channelSums } from './channel-sums';
import { combine } from './combine';
import { concat } from './concat';
import { conv2d } from './conv2d';
import { conv2dFilterGradient } from './conv2d-filter-gradient';
import { conv2dInputGradient } from './conv2d-input-gradient';
import { crop } from './crop';
import { depthwiseConv2d } from './depthwise-conv2d';
import { depthwiseConv2dFilterGradient, depthwiseConv2dInputGradient } from './depthwise-conv2d-gradient';
import { divideByRoot } from './divide-by-root';
import { globalAveragePool } from './global-average-pool';
import { globalAveragePoolGradient } from './global-average-pool-gradient';
import type { Job, Kernels, Planning } from './job';
import { l2Normalize } from './l2-normalize';
import { l2NormalizeGradient } from './l2-normalize-gradient';
import { examineMachine, type Machine } from './machine';
import { matmul } from './matmul';
import { maxPool2d } from './max-pool2d';
import { Memory } from './memory';
import { Modules } from './modules';
import { multiply } from './multiply';
import { pad } from './pad';
import { averagePool2dGradient, maxPool2dGradient } from './pool2d-gradient';
import { prelu } from './prelu';
import { preluInputGradient, preluSlopesGradient } from './prelu-gradient';
import { reduce } from './reduce';
import { repeat } from './repeat';
import { resample } from './resample';
import { resizeBilinear } from './resize-bilinear';
import { rightAnswers } from './right-answers';
import { scale } from './scale';
import { scaleShift } from './scale-shift';
import { sgdStep } from './sgd-step';
import { sigmoid } from './sigmoid';
import { sigmoidGradient } from './sigmoid-gradient';
import { slice } from './slice';
import { softmax } from './softmax';
import { softmaxCrossEntropy, softmaxCrossEntropyGradient } from './softmax-cross-entropy';
import { softmaxGradient } from './softmax-gradient';
import { Tables } from './tables';
import { grainOf, type ThreadJob, Threads } from './threads';
import { unary } from './unary';
import { updateMoments } from './update-moments';
import { binary, view } from './view';

const kernels: Kernels = {
  conv2d,
  depthwiseConv2d,
  matmul,
  batchNorm,
  scaleShift,
  activation,
  prelu,
  sigmoid,
  scale,
  add,
  multiply,
  maxPool2d,
  averagePool2d,
  globalAveragePool,
  softmax,
  l2Normalize,
  pad,
  concat,
  resizeBilinear,
  affineWarp,
  conv2dInputGradient,
  conv2dFilterGradient,
  depthwiseConv2dInputGradient,
  depthwiseConv2dFilterGradient,
  channelSums,
  channelMoments,
  batchNormTraining,
  batchNormSums,
  batchNormInputGradient,
  activationGradient,
  preluInputGradient,
  preluSlopesGradient,
  sigmoidGradient,
  maxPool2dGradient,
  averagePool2dGradient,
  globalAveragePoolGradient,
  softmaxGradient,
  softmaxCrossEntropy,
  softmaxCrossEntropyGradient,
  rightAnswers,
  l2NormalizeGradient,
  repeat,
  slice,
  crop,
  combine,
  divideByRoot,
  sgdStep,
  adamStep,
  updateMoments,
  unary,
  binary,
  view,
  resample,
  reduce,
};

const planCall = <K extends KernelName>(call: KernelCall<K> & { kernel: K }, planning: Planning): Job[] =>
  kernels[call.kernel](call, planning);

/** Beyond this many threads the small layers of a face network gain nothing. */
const MOST_THREADS = 16;

export interface WasmOptions {
  /**
   * Threads that compute, the caller included. Unless given: one for each core, or a single one where workers or
   * shared memory are not to be had (a page that is not cross-origin isolated, say).
   */
  threads?: number;
}

export async function openWasm({ threads }: WasmOptions = {}): Promise<WasmBackend> {
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1))
    throw new Error(`wasm: threads must be a whole number from 1, not ${threads}`);
  const wanted = Math.min(threads ?? platform.hardwareThreads, MOST_THREADS);
  if (wanted === 1) return open(1);
  try {
    return await open(wanted);
  } catch (error) {
    if (threads !== undefined) throw error;
    return open(1, error instanceof Error ? error.message : String(error));
  }
}

const open = async (count: number, whyNotMore?: string): Promise<WasmBackend> => {
  const memory = new Memory(count > 1);
  return new WasmBackend(memory, await Threads.start(memory, count), examineMachine(), whyNotMore);
};

export type { WasmBackend };

class WasmBackend implements Backend {
  readonly name = 'wasm';
  private readonly modules: Modules;
  private readonly tables: Tables;
  /** Bytes that programs have packed. */
  private packedBytes = 0;

  constructor(
    private readonly memory: Memory,
    private readonly threads: Threads,
    private readonly machine: Machine,
    private readonly whyNotMore: string | undefined,
  ) {
    this.modules = new Modules(memory, threads.count > 1);
    this.tables = new Tables(memory);
  }

  get description(): string {
    const { count } = this.threads;
    const why = this.whyNotMore === undefined ? '' : ` (${this.whyNotMore})`;
    return `WebAssembly SIMD, ${count} ${count === 1 ? 'thread' : 'threads'}${why}`;
  }

  /** Size of the WebAssembly memory, whatever is in it; like the number of modules it settles after the first runs. */
  get memoryBytes(): number {
    return this.memory.memory.buffer.byteLength;
  }

  get moduleCount(): number {
    return this.modules.count;
  }

  readonly halfRefusal = 'wasm: half precision is for GPUs; open a webgpu device, or compile with full precision';
  readonly bytesOfNumber = 4;
  readonly isAsynchronous = false;

  get liveBytes(): number {
    return this.memory.liveBytes + this.packedBytes;
  }

  allocate(length: number): Slot {
    return this.memory.allocateSlot(length);
  }

  free(slot: Slot): void {
    this.memory.freeSlot(slot);
  }

  write(slot: Slot, values: ArrayLike<number>, offset = 0): void {
    checkRange('write', slot, offset, values.length);
    this.memory.view(slot).set(values, offset);
  }

  copy(from: Slot, to: Slot, { length, fromOffset = 0, toOffset = 0 }: Parameters<Backend['copy']>[2]): void {
    checkRange('copy', from, fromOffset, length);
    checkRange('copy', to, toOffset, length);
    this.memory.view(to).set(this.memory.view(from).subarray(fromOffset, fromOffset + length), toOffset);
  }

  async read(slot: Slot): Promise<Float32Array> {
    // Not slice(): a copy in memory that is not shared is wanted.
    const copy = new Float32Array(slot.length);
    copy.set(this.memory.view(slot));
    return copy;
  }

  run(call: KernelCall): void {
    const holdings = new Holdings(this.memory, this.tables);
    try {
      const jobs = planCall(call, this.planning(new Set(), holdings));
      this.threads.run(jobs.map((job) => this.threadJob(job)));
    } finally {
      holdings.release();
      this.modules.dropIdle();
    }
  }

  async prepare(
    calls: readonly KernelCall[],
    constants: ReadonlySet<Slot>,
    { onProgress, half }: PrepareOptions = {},
  ): Promise<Program> {
    if (half) throw new Error(this.halfRefusal);
    const holdings = new Holdings(this.memory, this.tables);
    const planning = this.planning(constants, holdings);
    const jobsOfCalls = calls.map((call) => planCall(call, planning));
    const jobs = jobsOfCalls.flat();
    await this.modules.compileAll(
      jobs.map(({ code }) => code),
      onProgress,
    );
    const once = jobs.filter((job) => job.once === true);
    const repeatedOfCalls = jobsOfCalls.map((some) => some.filter((job) => job.once !== true));
    const repeated = repeatedOfCalls.flat();
    let count = 0;
    const firstJobs = repeatedOfCalls.map((some) => {
      count += some.length;
      return count - some.length;
    });
    this.threads.run(once.map((job) => this.threadJob(job)));
    const threadJobs = repeated.map((job) => this.threadJob(job));
    for (const { module } of threadJobs) module.users++;
    const batch = this.threads.prepare(threadJobs);
    // Jobs know operands by their addresses, which no two constants share.
    const [read, readAgain] = [once, repeated].map((some) => new Set(some.flatMap((job) => job.arguments)));
    const isPacked = (address: number): boolean => read.has(address) && !readAgain.has(address);
    this.packedBytes += holdings.bytes;
    let isFreed = false;
    return {
      packed: [...constants].filter((slot) => isPacked(this.memory.addressOf(slot))),
      change: (changed) => {
        const changedJobs = new Map<number, ThreadJob>();
        for (const [index, call] of changed) {
          const first = firstJobs[index];
          for (const [k, { code, arguments: values, pieces }] of planCall(call, planning).entries()) {
            const before = repeatedOfCalls[index][k];
            if (before?.code.key !== code.key || before.pieces !== pieces)
              throw new Error(`wasm: a program's ${call.kernel} was changed in more than its scalars`);
            changedJobs.set(first + k, { ...threadJobs[first + k], arguments: values });
          }
        }
        this.threads.change(batch, changedJobs);
      },
      run: () => {
        if (isFreed) throw new Error('wasm: a program is run after it was freed');
        this.threads.runBatch(batch);
      },
      free: () => {
        if (isFreed) return;
        isFreed = true;
        batch.free();
        for (const { module } of threadJobs) module.users--;
        this.packedBytes -= holdings.bytes;
        holdings.release();
      },
    };
  }

  async close(): Promise<void> {
    this.threads.close();
  }

  private planning(constants: ReadonlySet<Slot>, holdings: Holdings): Planning {
    return {
      machine: this.machine,
      threads: this.threads.count,
      address: (slot) => this.memory.addressOf(slot),
      isConstant: (slot) => constants.has(slot),
      scratch: (bytes) => holdings.scratch(bytes),
      passingScratch: (bytes) => holdings.passingScratch(bytes),
      table: (key, make) => holdings.table(key, make),
    };
  }

  private threadJob(job: Job): ThreadJob {
    const module = this.modules.get(job.code);
    return {
      module,
      run: module.run,
      arguments: job.arguments,
      pieces: job.pieces,
      grain: grainOf(job.pieces, job.work, this.threads.count),
    };
  }
}

const LEAST_PASSING_BYTES = 1 << 20;

/** What a call or a program holds besides its slots, until it is over. */
class Holdings {
  /** Bytes of scratch memory. */
  bytes = 0;
  private readonly addresses: number[] = [];
  private readonly keys: string[] = [];
  private readonly passing = new Map<number, number>();

  constructor(
    private readonly memory: Memory,
    private readonly tables: Tables,
  ) {}

  scratch(bytes: number): number {
    const address = this.memory.allocateBytes(bytes);
    this.addresses.push(address);
    this.bytes += bytes;
    return address;
  }

  /** One piece of memory a size, of few sizes: it stays in the caches from job to job. */
  passingScratch(bytes: number): number {
    const size = Math.max(LEAST_PASSING_BYTES, 2 ** Math.ceil(Math.log2(bytes)));
    const address = this.passing.get(size) ?? this.scratch(size);
    this.passing.set(size, address);
    return address;
  }

  table(key: string, make: () => Int32Array): number {
    this.keys.push(key);
    return this.tables.hold(key, make);
  }

  release(): void {
    for (const address of this.addresses) this.memory.freeBytes(address);
    this.tables.release(this.keys);
  }
}

const checkRange = (what: string, slot: Slot, offset: number, length: number): void => {
  if (!(offset >= 0 && length >= 0 && offset + length <= slot.length))
    throw new Error(`wasm: ${what} of ${length} numbers at ${offset} in a slot of ${slot.length}`);
};
