import { BUFFER_USAGE, roundedSize } from './buffers';
import type { Commands } from './commands';
import type { Counts } from './counts';

const MAP_MODE_WRITE = 0x2; // GPUMapMode.WRITE, a global in browsers only

/** From so many bytes on the way through a buffer of our own is shorter than the queue's, which takes new memory each time. */
const LARGE = 2 ** 16;
/** Of one size on their way at once: who writes more without ever waiting for the GPU gets no more of them. */
const MOST_OF_A_SIZE = 16;
/** In all buffers, idle ones too. */
const MOST_BYTES = 2 ** 30;

export interface Uploads {
  /**
   * Copies numbers into a buffer, after all that is encoded. They are read before it returns.
   * @returns false where they had better go another way: they are few, or too much is under way
   */
  write(target: GPUBuffer, offset: number, numbers: Float32Array): boolean;
  /** To be called after each submission: what it has read is mapped again. */
  submitted(): void;
  close(): void;
}

/** Mapped memory that is used over and over: numbers are copied into it here, and by the GPU to where they belong. */
export function createUploads(device: GPUDevice, commands: Commands, counts: Counts): Uploads {
  const idle = new Map<number, GPUBuffer[]>();
  const all = new Set<GPUBuffer>();
  let encoded: GPUBuffer[] = [];

  /** Mapped, of that size; none where there are enough of them. */
  const take = (size: number): GPUBuffer | undefined => {
    const ready = idle.get(size)?.pop();
    if (ready) return ready;
    const sizes = Array.from(all, (buffer) => buffer.size);
    const bytes = sizes.reduce((sum, one) => sum + one, size);
    if (bytes > MOST_BYTES || sizes.filter((one) => one === size).length >= MOST_OF_A_SIZE) return undefined;
    const usage = BUFFER_USAGE.mapWrite | BUFFER_USAGE.copySource;
    const buffer = device.createBuffer({ size, usage, mappedAtCreation: true });
    counts.buffers++;
    all.add(buffer);
    return buffer;
  };
  const give = (buffer: GPUBuffer): void => {
    if (!all.has(buffer)) return; // closed meanwhile
    const ready = idle.get(buffer.size);
    if (ready) ready.push(buffer);
    else idle.set(buffer.size, [buffer]);
  };

  return {
    write(target, offset, numbers) {
      const bytes = numbers.byteLength;
      const buffer = bytes < LARGE ? undefined : take(roundedSize(bytes));
      if (!buffer) return false;
      new Float32Array(buffer.getMappedRange(0, bytes)).set(numbers);
      buffer.unmap();
      commands.copy(buffer, 0, target, offset, bytes);
      encoded.push(buffer);
      return true;
    },
    submitted() {
      // A lost device refuses; whoever waits for a result is told so.
      for (const buffer of encoded)
        buffer.mapAsync(MAP_MODE_WRITE).then(
          () => give(buffer),
          () => all.delete(buffer),
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
