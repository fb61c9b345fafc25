import type { KernelCall, KernelName, Slot } from '../kernel';
import { Assembler, type FunctionBuilder, type Local, type MemoryLimits } from './assembler';
import type { Machine } from './machine';

/** Code for one family of calls. Equal keys mean equal code, so no code is made twice. */
export interface Code {
  readonly key: string;
  emit(limits: MemoryLimits): Uint8Array<ArrayBuffer>;
}

/**
 * A piece of work for the threads. The exported function is run(firstPiece, endPiece, ...arguments); pieces write
 * different numbers, so they can be done in any order by any thread with the same result.
 */
export interface Job {
  readonly code: Code;
  /** Addresses, counts and float factors. */
  readonly arguments: readonly number[];
  readonly pieces: number;
  /** About how many multiply-adds (or numbers moved) the job is, to decide whether to split it. */
  readonly work: number;
  /** It reads constants only: a program does it once, in prepare(). */
  readonly once?: boolean;
}

/** What a kernel can ask while it turns a call into jobs. */
export interface Planning {
  address(slot: Slot): number;
  isConstant(slot: Slot): boolean;
  /** Threads that may run the jobs. */
  readonly threads: number;
  /** What the engine's code is quick at. */
  readonly machine: Machine;
  /** Memory for as long as the jobs may run. */
  scratch(bytes: number): number;
  /** The same, but jobs of one program may be given the same memory: what they leave there is lost. */
  passingScratch(bytes: number): number;
  /** Read-only numbers that all calls with the key share. */
  table(key: string, make: () => Int32Array): number;
}

export type Kernels = { readonly [K in KernelName]: (call: KernelCall<K>, planning: Planning) => Job[] };

/** The function that every module exports, with the two parameters that every job has. */
export interface PieceFunction {
  readonly f: FunctionBuilder;
  readonly first: Local<'i32'>;
  readonly end: Local<'i32'>;
}

export const pieceFunction = (assembler: Assembler): PieceFunction => {
  const f = assembler.function('run');
  return { f, first: f.parameter('i32'), end: f.parameter('i32') };
};

/** Code with one function: most kernels. */
export const singleFunction = (key: string, body: (f: PieceFunction) => void): Code => ({
  key,
  emit(limits) {
    const assembler = new Assembler(limits);
    body(pieceFunction(assembler));
    return assembler.bytes();
  },
});
