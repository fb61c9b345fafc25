import type { Slot } from '../kernel';
import type { MemoryLimits } from './assembler';

const PAGE = 65_536;
/** Blocks begin at cache lines and are whole cache lines long. */
const LINE = 64;
/**
 * Kernels may read (never write) up to this many bytes past the end of a slot: a vector that hangs over the end is
 * loaded whole and only its valid lanes are stored. The end of the memory is kept free for that.
 */
const OVERHANG = 256;

interface Block {
  address: number;
  size: number;
}

/** Hands out address ranges: best fit among the free blocks, neighbours joined when freed. Knows no memory. */
export class FreeList {
  /** Ordered by address; no two touch. */
  private readonly blocks: Block[] = [];

  get freeBytes(): number {
    return this.blocks.reduce((sum, { size }) => sum + size, 0);
  }

  /** The smallest block that is large enough gives its front; undefined when there is none. */
  take(size: number): number | undefined {
    let best = -1;
    for (let k = 0; k < this.blocks.length; k++) {
      const candidate = this.blocks[k].size;
      if (candidate >= size && (best < 0 || candidate < this.blocks[best].size)) best = k;
    }
    if (best < 0) return undefined;
    const block = this.blocks[best];
    const { address } = block;
    if (block.size === size) this.blocks.splice(best, 1);
    else {
      block.address += size;
      block.size -= size;
    }
    return address;
  }

  give(address: number, size: number): void {
    let low = 0;
    let high = this.blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.blocks[middle].address < address) low = middle + 1;
      else high = middle;
    }
    const before = low > 0 ? this.blocks[low - 1] : undefined;
    const after = low < this.blocks.length ? this.blocks[low] : undefined;
    const joinsBefore = before !== undefined && before.address + before.size === address;
    const joinsAfter = after !== undefined && address + size === after.address;
    if (joinsBefore && joinsAfter) {
      before.size += size + after.size;
      this.blocks.splice(low, 1);
    } else if (joinsBefore) before.size += size;
    else if (joinsAfter) {
      after.address = address;
      after.size += size;
    } else this.blocks.splice(low, 0, { address, size });
  }
}

/** One WebAssembly memory and what is allocated in it. */
export class Memory {
  readonly memory: WebAssembly.Memory;
  readonly limits: MemoryLimits;
  private readonly free = new FreeList();
  private readonly sizes = new Map<number, number>();
  private readonly slots = new WeakMap<Slot, { address: number }>();
  private readonly freed = new WeakSet<Slot>();
  private floats: Float32Array;
  /** Bytes in slots that are allocated and not freed; what kernels keep for themselves does not count. */
  liveBytes = 0;

  constructor(shared: boolean) {
    const { memory, limits } = createMemory(shared);
    this.memory = memory;
    this.limits = limits;
    this.floats = new Float32Array(memory.buffer);
    // Address 0 stays unused, so that 0 can mean "none".
    this.free.give(LINE, memory.buffer.byteLength - LINE - OVERHANG);
  }

  /** The whole memory as numbers; ask again after anything that may allocate. */
  get numbers(): Float32Array {
    if (this.floats.buffer !== this.memory.buffer) this.floats = new Float32Array(this.memory.buffer);
    return this.floats;
  }

  allocateBytes(bytes: number): number {
    const size = Math.max(LINE, Math.ceil(bytes / LINE) * LINE);
    const address = this.free.take(size) ?? this.takeAfterGrowing(size);
    this.sizes.set(address, size);
    return address;
  }

  freeBytes(address: number): void {
    const size = this.sizes.get(address);
    if (size === undefined) throw new Error(`wasm memory: nothing is allocated at address ${address}`);
    this.sizes.delete(address);
    this.free.give(address, size);
  }

  allocateSlot(length: number): Slot {
    if (!Number.isInteger(length) || length < 0) throw new Error(`wasm: a slot cannot hold ${length} numbers`);
    const slot: Slot = { length };
    this.slots.set(slot, { address: this.allocateBytes(length * 4) });
    this.liveBytes += length * 4;
    return slot;
  }

  freeSlot(slot: Slot): void {
    const address = this.addressOf(slot);
    this.slots.delete(slot);
    this.freed.add(slot);
    this.freeBytes(address);
    this.liveBytes -= slot.length * 4;
  }

  addressOf(slot: Slot): number {
    const entry = this.slots.get(slot);
    if (entry) return entry.address;
    throw new Error(
      this.freed.has(slot)
        ? `wasm: a slot of ${slot.length} numbers is used after it was freed`
        : `wasm: a slot of ${slot.length} numbers belongs to another backend`,
    );
  }

  /** The numbers of a slot, in place. */
  view(slot: Slot): Float32Array {
    const first = this.addressOf(slot) / 4;
    return this.numbers.subarray(first, first + slot.length);
  }

  private takeAfterGrowing(size: number): number {
    const before = this.memory.buffer.byteLength;
    // Half as much again each time, so that many small allocations grow the memory seldom.
    const wanted = Math.max(size, Math.min(before >> 1, 256 << 20));
    for (const bytes of [wanted, size]) {
      const pages = Math.ceil(bytes / PAGE);
      if (before / PAGE + pages > this.limits.maximum) continue;
      try {
        this.memory.grow(pages);
      } catch {
        continue;
      }
      this.free.give(before - OVERHANG, pages * PAGE);
      const address = this.free.take(size);
      if (address !== undefined) return address;
    }
    throw new Error(
      `wasm: out of memory: ${size} bytes are wanted, ${before} are in use or scattered, ` +
        `${this.limits.maximum * PAGE} is the most there can be`,
    );
  }
}

/** Engines without room for 4 GB of addresses (32-bit ones, phones) refuse the largest maximum: ask for less. */
const createMemory = (shared: boolean): { memory: WebAssembly.Memory; limits: MemoryLimits } => {
  let failure: unknown;
  for (const maximum of [65_536, 32_768, 16_384, 4_096]) {
    const limits: MemoryLimits = { initial: 256, maximum, shared };
    try {
      return { memory: new WebAssembly.Memory(limits), limits };
    } catch (error) {
      failure = error;
    }
  }
  throw new Error('wasm: no memory', { cause: failure });
};
