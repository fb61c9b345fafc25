import type { Backend, CopyRange, Numbers, Program } from '../kernels/backend';
import type { KernelCall, Slot } from '../kernels/kernel';

/** A slot that has no place yet. Slots of two records that were made as the same allocation stand for each other. */
export class RecordedSlot implements Slot {
  readonly length: number;
  /** Of the allocations of its record, counted from 0. */
  readonly index: number;

  constructor(length: number, index: number) {
    this.length = length;
    this.index = index;
  }
}

/** Numbers that come from the host. */
export interface HostWrite {
  slot: Slot;
  values: ArrayLike<number>;
  offset: number;
  /** How many calls were made before it. */
  after: number;
}

/**
 * A backend that computes nothing and writes down all that is asked of it, in order: a sibling of TracingBackend for
 * whole steps of training, in which numbers come from the host and parameters change. Slots of the backend it stands in
 * for are handed on as they are. Host arrays are not copied.
 */
export class Recorder implements Backend {
  readonly name;
  readonly description;
  readonly bytesOfNumber;
  readonly isAsynchronous;
  readonly target: Backend;
  readonly calls: KernelCall[] = [];
  readonly writes: HostWrite[] = [];
  #slots = 0;
  #isOver = false;

  constructor(target: Backend) {
    this.target = target;
    this.name = target.name;
    this.bytesOfNumber = target.bytesOfNumber;
    this.isAsynchronous = target.isAsynchronous;
    this.description = `a record for ${target.name}`;
  }

  get liveBytes(): number {
    return this.target.liveBytes;
  }

  /** From now on its tensors, which have no numbers, cannot be used. */
  end(): void {
    this.#isOver = true;
  }

  allocate(length: number): Slot {
    this.#expectOpen();
    return new RecordedSlot(length, this.#slots++);
  }

  free(slot: Slot): void {
    if (!(slot instanceof RecordedSlot)) this.target.free(slot);
  }

  write(slot: Slot, values: ArrayLike<number>, offset = 0): void {
    this.#expectOpen();
    if (offset < 0 || offset + values.length > slot.length)
      throw new Error(`recorded step: ${values.length} numbers from ${offset} are not inside a slot of ${slot.length}`);
    this.writes.push({ slot, values, offset, after: this.calls.length });
  }

  /** A copy is a kernel call like the others: it needs no pass of its own on a GPU. */
  copy(from: Slot, to: Slot, { length, fromOffset = 0, toOffset = 0 }: CopyRange): void {
    if (from === to) throw new Error('recorded step: cannot copy within one slot');
    if (toOffset !== 0 || length !== to.length)
      throw new Error('recorded step: only whole tensors can be copied onto; use concat() to change a part of one');
    this.run({
      kernel: 'slice',
      inputs: { input: from },
      outputs: { output: to },
      attributes: { outer: 1, total: from.length, start: fromOffset, inner: length },
    });
  }

  async read(): Promise<Numbers> {
    throw new Error('recorded step: reads the numbers of a tensor, which has none yet; return the tensor instead');
  }

  run(call: KernelCall): void {
    this.#expectOpen();
    this.calls.push(call);
  }

  async prepare(): Promise<Program> {
    throw new Error('recorded step: makes a plan within the step');
  }

  async close(): Promise<void> {}

  #expectOpen(): void {
    if (this.#isOver) throw new Error('recorded step: one of its tensors is used after the step; return it instead');
  }
}
