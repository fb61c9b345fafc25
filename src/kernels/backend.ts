import type { KernelCall, Slot } from './kernel';

export type DeviceName = 'reference' | 'wasm' | 'webgpu';

/** How many bits a number takes between the calls of a program; see PrepareOptions. */
export type Precision = 'full' | 'half';

/** What a backend hands back: float64 from reference, float32 from the others. */
export type Numbers = Float32Array | Float64Array;

export interface CopyRange {
  length: number;
  fromOffset?: number;
  toOffset?: number;
}

/**
 * The seam between tensors and the machine. It knows runs of numbers and kernel calls, never tensors.
 * Calls are carried out in the order they are made; only reading waits for their results.
 */
export interface Backend {
  readonly name: DeviceName;
  /** For people: the adapter, or the instruction set and the number of threads. */
  readonly description: string;
  /** For people: what the machine has that not every one has, such as half precision. */
  readonly extras?: readonly string[];
  /** Why programs have no half precision here; undefined where they have. */
  readonly halfRefusal?: string | undefined;
  /** Bytes that a number in a slot takes. */
  readonly bytesOfNumber: 4 | 8;
  /**
   * Whether calls are carried out while the caller goes on. Then waiting for a result leaves the device idle: results
   * are better read seldom, and some calls later.
   */
  readonly isAsynchronous: boolean;
  /** Bytes in slots that are allocated and not freed, and in what programs have packed. */
  readonly liveBytes: number;

  /** A new slot; its contents are undefined until written. */
  allocate(length: number): Slot;
  /** Calls already made still see the slot; using it afterwards throws. */
  free(slot: Slot): void;
  /** Writes values at `offset`, counted in numbers. They are copied before it returns. */
  write(slot: Slot, values: ArrayLike<number>, offset?: number): void;
  /** Copies numbers from one slot to another; the two must differ. Offsets count numbers. */
  copy(from: Slot, to: Slot, range: CopyRange): void;
  /** The slot's numbers as they are after every call made so far. Rejects if the device is lost. */
  read(slot: Slot): Promise<Numbers>;
  /**
   * No output may share a slot with an input or another output of the same call: shaders cannot bind one buffer for
   * both. What a call updates in place is an output.
   */
  run(call: KernelCall): void;
  /**
   * Makes a fixed sequence of calls ready to be replayed: modules or pipelines compiled, slots bound.
   * `constants` are written before this is called and never change afterwards, so filters may be packed once.
   */
  prepare(calls: readonly KernelCall[], constants: ReadonlySet<Slot>, options?: PrepareOptions): Promise<Program>;
  close(): Promise<void>;
}

export interface PrepareOptions {
  /** Hears of each module or pipeline that is compiled; of none where there is nothing to compile. */
  onProgress?: PrepareProgress | undefined;
  /**
   * Half precision: what the calls hand to one another and the filters take 16 bits a number (IEEE binary16: about three
   * digits, at most 65504); sums are made in float32 all the same. `results` are the slots that are read after a run, or
   * live on: they, and what no call writes, keep their 32 bits. A kernel that has no form for halves is done in full.
   * `isTraining` for mixed precision, in which only the calls on whole batches of images are done in halves.
   * Where there is none, prepare() rejects with halfRefusal.
   */
  half?: { readonly results: ReadonlySet<Slot>; readonly isTraining?: boolean } | undefined;
}

/** @param compiled modules or pipelines that are ready, of `total` that this preparation compiles */
export type PrepareProgress = (compiled: number, total: number) => void;

export interface Program {
  /**
   * Slots that run() neither reads nor writes: constants of which the program has a packed copy, and what its calls hand to
   * one another in memory of its own. The caller may free them.
   */
  readonly packed?: readonly Slot[];
  /**
   * From the next run on the calls at these places, counted as they were prepared, compute with other SCALARS; nothing
   * else about them may differ. Runs made before keep theirs.
   */
  change(calls: ReadonlyMap<number, KernelCall>): void;
  run(): void;
  /** Releases what prepare() made; the slots of the calls are the caller's. */
  free(): void;
}
