import type { Slot } from '../kernel';
import type { Counts } from './counts';
import { View, wholeOf } from './view';

// The numbers of the WebGPU specification: the globals GPUBufferUsage and GPUMapMode exist in browsers only.
export const BUFFER_USAGE = {
  mapRead: 0x1,
  mapWrite: 0x2,
  copySource: 0x4,
  copyDestination: 0x8,
  uniform: 0x40,
  storage: 0x80,
  queryResolve: 0x200,
};
export const MAP_MODE_READ = 0x1;

const STORAGE = BUFFER_USAGE.storage | BUFFER_USAGE.copySource | BUFFER_USAGE.copyDestination;
const STAGING = BUFFER_USAGE.mapRead | BUFFER_USAGE.copyDestination;

/** Freed buffers beyond this many bytes go back to the driver. */
const POOL_BYTES = 2 ** 29;

export interface Buffers {
  readonly liveBytes: number;
  allocate(length: number): Slot;
  /** Gives a slot that a kernel has made for itself a buffer, until it is freed. */
  lend(scratch: Slot): void;
  /** The buffer goes to the pool at once: work already encoded runs before whatever its next owner enqueues. */
  free(slot: Slot): void;
  /** The most numbers that a shader can see of one slot. */
  readonly bindingLimit: number;
  /** The buffer of a slot, or of the one that a view is of. Throws if it was freed or belongs to another backend. */
  at(slot: Slot): GPUBuffer;
  /** What of its buffer a shader sees for an operand: all, or a view's range. Throws for more than can be bound. */
  binding(slot: Slot): GPUBufferBinding;
  /** A buffer of at least `bytes` bytes that can be mapped for reading; give it back with recycle(). */
  staging(bytes: number): GPUBuffer;
  recycle(staging: GPUBuffer): void;
  /** Stands in for an operand that a call leaves out. */
  readonly dummy: GPUBuffer;
  /** Stands in for an output that a call leaves out: one buffer cannot be bound to be read and to be written. */
  readonly sink: GPUBuffer;
  close(): void;
}

/** Shaders count the numbers of an operand in 32 bits with a sign. */
const MOST_NUMBERS = 2 ** 31 - 1;

/**
 * Buffers come in few sizes and are used again, so that a steady state creates none.
 * @param flush submits what is encoded; a buffer must not be destroyed before.
 * @param bindingBytes how much of a buffer can be bound at once, a multiple of 256; by default what the device says
 */
export function createBuffers(
  device: GPUDevice,
  counts: Counts,
  flush: () => void,
  bindingBytes = device.limits.maxStorageBufferBindingSize,
): Buffers {
  const { maxBufferSize } = device.limits;
  const bindable = Math.floor(bindingBytes / 256) * 256;
  const live = new Map<Slot, GPUBuffer>();
  const freed = new WeakSet<Slot>();
  const storage = createPool(device, STORAGE, counts, flush);
  const staging = createPool(device, STAGING, counts, flush);
  const dummy = device.createBuffer({ size: 256, usage: STORAGE });
  const sink = device.createBuffer({ size: 256, usage: STORAGE });
  let liveBytes = 0;

  const at = (slot: Slot): GPUBuffer => {
    const whole = wholeOf(slot);
    const buffer = live.get(whole);
    if (buffer) return buffer;
    const what = `a slot of ${whole.length} numbers`;
    throw new Error(
      freed.has(whole) ? `webgpu: ${what} was used after it was freed` : `webgpu: ${what} belongs to another backend`,
    );
  };

  const lend = (slot: Slot) => {
    if (slot.length > MOST_NUMBERS)
      throw new Error(`webgpu: ${slot.length} numbers are more than a shader can count (${MOST_NUMBERS})`);
    const bytes = 4 * slot.length;
    if (bytes > maxBufferSize)
      throw new Error(
        `webgpu: ${slot.length} numbers are ${bytes} bytes, this device takes ${maxBufferSize} in one buffer`,
      );
    live.set(slot, storage.take(Math.min(roundedSize(bytes), maxBufferSize)));
    liveBytes += bytes;
  };

  return {
    get liveBytes() {
      return liveBytes;
    },
    dummy,
    sink,
    bindingLimit: bindable / 4,
    at,
    binding(slot) {
      const buffer = at(slot);
      if (4 * slot.length > bindable)
        throw new Error(`webgpu: ${slot.length} numbers cannot be bound at once, this device binds ${bindable / 4}`);
      if (slot instanceof View) return { buffer, offset: 4 * slot.offset, size: 16 * Math.ceil(slot.length / 4) }; // whole vectors
      return { buffer, size: Math.min(buffer.size, bindable) };
    },
    lend,
    allocate(length) {
      const slot: Slot = { length };
      lend(slot);
      return slot;
    },
    free(slot) {
      storage.give(at(slot));
      live.delete(slot);
      freed.add(slot);
      liveBytes -= 4 * slot.length;
    },
    staging: (bytes) => staging.take(Math.min(roundedSize(bytes), device.limits.maxBufferSize)),
    recycle: (buffer) => staging.give(buffer),
    close() {
      for (const [slot, buffer] of live) {
        buffer.destroy();
        freed.add(slot);
      }
      live.clear();
      liveBytes = 0;
      storage.empty();
      staging.empty();
      dummy.destroy();
      sink.destroy();
    },
  };
}

/** A multiple of 256 with three leading bits: at most a quarter more than asked for, few sizes to keep apart. */
export function roundedSize(bytes: number): number {
  const step = Math.max(256, 2 ** (Math.floor(Math.log2(Math.max(bytes, 1))) - 2));
  return Math.max(256, Math.ceil(bytes / step) * step);
}

function createPool(device: GPUDevice, usage: number, counts: Counts, flush: () => void) {
  const idle = new Map<number, GPUBuffer[]>();
  let idleBytes = 0;

  const empty = () => {
    flush();
    for (const buffers of idle.values()) for (const buffer of buffers) buffer.destroy();
    idle.clear();
    idleBytes = 0;
  };
  return {
    empty,
    take(size: number): GPUBuffer {
      const buffer = idle.get(size)?.pop();
      if (buffer) {
        idleBytes -= size;
        return buffer;
      }
      counts.buffers++;
      return device.createBuffer({ size, usage });
    },
    give(buffer: GPUBuffer) {
      const buffers = idle.get(buffer.size);
      if (buffers) buffers.push(buffer);
      else idle.set(buffer.size, [buffer]);
      idleBytes += buffer.size;
      if (idleBytes > POOL_BYTES) empty();
    },
  };
}
