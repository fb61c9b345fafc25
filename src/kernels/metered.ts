import type { Backend, CopyRange, Numbers, Program } from './backend';
import type { KernelCall, Slot } from './kernel';
import { multiplyAdds } from './multiply-adds';

/** A backend that remembers the most bytes that were ever live at once, and counts multiplications. */
export class MeteredBackend implements Backend {
  readonly #inner: Backend;
  #peak = 0;
  #multiplyAdds = 0;

  constructor(inner: Backend) {
    this.#inner = inner;
  }

  get name() {
    return this.#inner.name;
  }

  get description() {
    return this.#inner.description;
  }

  get halfRefusal() {
    return this.#inner.halfRefusal;
  }

  get bytesOfNumber() {
    return this.#inner.bytesOfNumber;
  }

  get isAsynchronous() {
    return this.#inner.isAsynchronous;
  }

  get liveBytes() {
    return this.#inner.liveBytes;
  }

  /** The most live bytes since it was asked last. */
  takePeak(): number {
    const peak = this.#peak;
    this.#peak = this.liveBytes;
    return peak;
  }

  /** The multiply-adds of the calls made since it was asked last, programs not included. */
  takeMultiplyAdds(): number {
    const count = this.#multiplyAdds;
    this.#multiplyAdds = 0;
    return count;
  }

  allocate(length: number): Slot {
    const slot = this.#inner.allocate(length);
    this.#peak = Math.max(this.#peak, this.liveBytes);
    return slot;
  }

  free = (slot: Slot): void => this.#inner.free(slot);
  write = (slot: Slot, values: ArrayLike<number>, offset?: number): void => this.#inner.write(slot, values, offset);
  copy = (from: Slot, to: Slot, range: CopyRange): void => this.#inner.copy(from, to, range);
  read = (slot: Slot): Promise<Numbers> => this.#inner.read(slot);
  run = (call: KernelCall): void => {
    this.#multiplyAdds += multiplyAdds(call);
    this.#inner.run(call);
  };
  prepare = (...preparation: Parameters<Backend['prepare']>): Promise<Program> => this.#inner.prepare(...preparation);
  close = (): Promise<void> => this.#inner.close();
}
