import { BUFFER_USAGE, roundedSize } from './buffers';
import type { Commands } from './commands';
import type { Counts } from './counts';

const MAP_MODE_WRITE = 0x2; // GPUMapMode.WRITE, a global in browsers only

/** From so many bytes on the way through a buffer of our own is shorter than the queue's, which takes new memory each time. */
const LARGE = 2 ** 16;
/** Buffers that wait to be used again, at most. */
const MOST_IDLE_BYTES = 2 ** 29;

export interface Uploads {
  /** Whether so many bytes had better go this way. */
  isLarge(bytes: number): boolean;
  /** Copies numbers into a buffer, after all that is encoded. They are read before it returns. */
  write(target: GPUBuffer, offset: number, numbers: Float32Array): void;
  /** To be called after each submission: what it has read is mapped again. */
  submitted(): void;
  close(): void;
}

/** Mapped memory that is used over and over: numbers are copied into it here, and by the GPU to where they belong. */
export function createUploads(device: GPUDevice, commands: Commands, counts: Counts): Uploads {
  const idle = new Map<number, GPUBuffer[]>();
  const all = new Set<GPUBuffer>();
  let encoded: GPUBuffer[] = [];
  let idleBytes = 0;

  const make = (size: number): GPUBuffer => {
    const usage = BUFFER_USAGE.mapWrite | BUFFER_USAGE.copySource;
    const buffer = device.createBuffer({ size, usage, mappedAtCreation: true });
    counts.buffers++;
    all.add(buffer);
    return buffer;
  };
  const drop = (buffer: GPUBuffer): void => {
    all.delete(buffer);
    buffer.destroy();
  };
  const take = (size: number): GPUBuffer => {
    const ready = idle.get(size)?.pop();
    if (!ready) return make(size);
    idleBytes -= size;
    return ready;
  };
  const give = (buffer: GPUBuffer): void => {
    if (!all.has(buffer)) return; // closed meanwhile
    if (idleBytes + buffer.size > MOST_IDLE_BYTES) {
      drop(buffer);
      return;
    }
    idleBytes += buffer.size;
    const ready = idle.get(buffer.size);
    if (ready) ready.push(buffer);
    else idle.set(buffer.size, [buffer]);
  };

  return {
    isLarge: (bytes) => bytes >= LARGE,
    write(target, offset, numbers) {
      const bytes = numbers.byteLength;
      const buffer = take(roundedSize(bytes));
      new Float32Array(buffer.getMappedRange(0, bytes)).set(numbers);
      buffer.unmap();
      commands.copy(buffer, 0, target, offset, bytes);
      encoded.push(buffer);
    },
    submitted() {
      // A lost device refuses; whoever waits for a result is told so.
      for (const buffer of encoded)
        buffer.mapAsync(MAP_MODE_WRITE).then(
          () => give(buffer),
          () => drop(buffer),
        );
      encoded = [];
    },
    close() {
      for (const buffer of all) buffer.destroy();
      all.clear();
      idle.clear();
    },
  };
}
