import type { Slot } from '../kernel';

/** Every device binds a buffer from any multiple of 256 bytes on. */
export const ALIGNMENT = 256 / 4;

/** Some of a slot's numbers, from a multiple of ALIGNMENT on: what a piece of a call that is cut reads or writes. */
export class View implements Slot {
  constructor(
    readonly of: Slot,
    readonly offset: number,
    readonly length: number,
  ) {}
}

/** The slot whose buffer it is. */
export const wholeOf = (slot: Slot): Slot => (slot instanceof View ? slot.of : slot);
