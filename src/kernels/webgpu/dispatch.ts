import type { KernelCall, KernelName, Slot } from '../kernel';
import type { ShaderName, Storage } from './shaders';

/**
 * One launch of one shader, as plain data. A kernel is a pure function from a call to a list of these, so calling it
 * at once and preparing it for replay share every choice it makes.
 */
export interface Dispatch {
  shader: ShaderName;
  /**
   * Override constants. Each new combination costs a pipeline (a second on a software GPU), so they hold tiles and
   * variants only; sizes go through the uniforms.
   */
  constants?: Readonly<Record<string, number>>;
  /** Constants that stand in the shader's text: what workgroup memory of a size that must be known there depends on. */
  sizes?: Readonly<Record<string, number>>;
  /** What `real` is in the shader: f32, unless it says otherwise. */
  storage?: Storage;
  /** Bindings 1, 2, ...: what the shader reads. An absent operand binds a dummy that the shader is told not to read. */
  inputs: readonly (Slot | undefined)[];
  /** The binding after the last input. It must not be among the inputs. The shader may read it, too: an update in place. */
  output: Slot;
  /** The bindings after the output: other slots that the shader writes, likewise. At most one may be absent. */
  moreOutputs?: readonly (Slot | undefined)[];
  /** The outputs that are scratch: slots of no backend, which get buffers only for the dispatches after this one. */
  scratch?: readonly Slot[];
  /** Binding 0, a struct of whole numbers (i32 or u32) followed by real ones (f32). */
  integers: readonly number[];
  reals?: readonly number[];
  /** How many workgroups in all; they are folded into two dimensions. */
  workgroups: number;
}

/** The slots that a dispatch writes first and that need buffers from here on. */
export const scratchOf = ({ scratch = [] }: Dispatch): readonly Slot[] => scratch;

/** Whether all scratch of theirs can be bound at once, `limit` numbers at most. */
export const isBindable = (dispatches: readonly Dispatch[], limit: number): boolean =>
  dispatches.flatMap(scratchOf).every(({ length }) => length <= limit);

export type WebgpuKernel<K extends KernelName> = (call: KernelCall<K>) => Dispatch[];

/** Bytes of uniforms a dispatch may have: also the alignment that every device accepts for a dynamic offset. */
export const UNIFORM_STRIDE = 256;

/** Writes the uniforms of a dispatch as the shader's struct lays them out. */
export function writeUniforms({ shader, integers, reals = [] }: Dispatch, bytes: ArrayBuffer, offset: number): void {
  if (4 * (integers.length + reals.length) > UNIFORM_STRIDE) throw new Error(`webgpu: ${shader} has too many uniforms`);
  new Int32Array(bytes, offset, integers.length).set(integers);
  new Float32Array(bytes, offset + 4 * integers.length, reals.length).set(reals);
}

/**
 * `count` workgroups as columns and rows, neither above `limit`. A few may be more than asked for: every shader
 * computes its number as row * columns + column and ignores what lies past the end.
 */
export function foldWorkgroups(count: number, limit: number): [columns: number, rows: number] {
  if (count === 0) return [0, 0];
  const rows = Math.ceil(count / limit);
  if (rows > limit) throw new Error(`webgpu: ${count} workgroups are more than the device can start at once`);
  return [Math.ceil(count / rows), rows];
}

/** WGSL has no infinities: an activation without a ceiling ends at the largest number. */
export const ceilingOf = ({ ceiling }: { ceiling: number }): number => Math.min(ceiling, 3.4028234e38);

/** Threads in a workgroup of the shaders that compute one number a thread; `WORKGROUP` in prelude.wgsl. */
const WORKGROUP = 256;

/** Workgroups when each thread computes one of `length` numbers. */
export const workgroupsFor = (length: number): number => Math.ceil(length / WORKGROUP);
