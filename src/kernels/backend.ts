import type { KernelCall, Slot } from './kernel';

export type DeviceName = 'reference' | 'wasm' | 'webgpu';

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
  /** Bytes that a number in a slot takes. */
  readonly bytesOfNumber: 4 | 8;
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
  /** No output may share a slot with an input of the same call: shaders cannot read and write one buffer. */
  run(call: KernelCall): void;
  /**
   * Makes a fixed sequence of calls ready to be replayed: modules or pipelines compiled, slots bound.
   * `constants` are written before this is called and never change afterwards, so filters may be packed once.
   */
  prepare(calls: readonly KernelCall[], constants: ReadonlySet<Slot>): Promise<Program>;
  close(): Promise<void>;
}

export interface Program {
  /** Constants of which the program has packed a copy and which run() no longer reads: the caller may free them. */
  readonly packed?: readonly Slot[];
  run(): void;
  /** Releases what prepare() made; the slots of the calls are the caller's. */
  free(): void;
}
