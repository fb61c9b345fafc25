import type { Slot } from '../../../src/kernels/kernel';
import type { Job, Planning } from '../../../src/kernels/wasm/job';
import type { Machine } from '../../../src/kernels/wasm/machine';
import { Memory } from '../../../src/kernels/wasm/memory';
import { Modules } from '../../../src/kernels/wasm/modules';

/** Runs jobs on this thread, made for whatever machine and number of threads a test wants. */
export function openBare(machine: Machine, threads = 1) {
  const memory = new Memory(false);
  const modules = new Modules(memory, false);
  const planning: Planning = {
    machine,
    threads,
    address: (slot) => memory.addressOf(slot),
    isConstant: () => false,
    scratch: (bytes) => memory.allocateBytes(bytes),
    passingScratch: (bytes) => memory.allocateBytes(bytes),
    table(_, make) {
      const values = make();
      const address = memory.allocateBytes(values.byteLength);
      new Int32Array(memory.memory.buffer, address, values.length).set(values);
      return address;
    },
  };
  return {
    planning,
    place(values: ArrayLike<number>): Slot {
      const slot = memory.allocateSlot(values.length);
      memory.view(slot).set(values);
      return slot;
    },
    run(jobs: readonly Job[]): void {
      for (const { code, arguments: values, pieces } of jobs) modules.get(code).run(0, pieces, ...values);
    },
    read: (slot: Slot) => memory.view(slot).slice(),
  };
}

/** Largest difference, as a share of the largest magnitude. */
export function relativeError(actual: ArrayLike<number>, expected: Float64Array): number {
  let difference = 0;
  for (let k = 0; k < expected.length; k++) {
    const d = Math.abs(actual[k] - expected[k]);
    if (!(d <= difference)) difference = d; // NaN stays
  }
  return difference / expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** Compared here, because a difference of long arrays takes assert.equal minutes to print. */
export const hasSameBits = (left: Float32Array, right: Float32Array): boolean => {
  const [a, b] = [left, right].map((values) => new Uint32Array(values.buffer, values.byteOffset, values.length));
  return a.length === b.length && a.every((bits, k) => bits === b[k]);
};
