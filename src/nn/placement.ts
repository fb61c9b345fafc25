import { inputSlots, type KernelCall, outputSlots, type Slot } from '../kernels/kernel';

const MOST_ROOM = 4;

/**
 * Gives each slot that the calls use and that is not yet placed a place in memory, such that slots share a place where
 * the last user of one comes before the first of the other. A call's outputs never share with its inputs, nor with each
 * other. None moves into a place that is more than MOST_ROOM times as large as it: what is small would keep the large
 * places from holding nothing but halves, in half precision.
 *
 * @param places where slots lie that others must not share: inputs, outputs, parameters. It is added to.
 */
export function placeByLiveness(
  calls: readonly KernelCall[],
  places: Map<Slot, Slot>,
  allocate: (length: number) => Slot,
): void {
  const lastUse = new Map<Slot, number>();
  calls.forEach((call, time) => {
    for (const slot of slotsOf(call)) lastUse.set(slot, time);
  });

  const homes: { length: number; tenants: Slot[]; freeFrom: number }[] = [];
  const housed = new Set<Slot>();
  calls.forEach((call, time) => {
    for (const slot of slotsOf(call)) {
      if (places.has(slot) || housed.has(slot)) continue;
      housed.add(slot);
      // The smallest free home that is large enough; else the largest, which grows.
      const fits = ({ length }: { length: number }) =>
        length <= MOST_ROOM * slot.length && slot.length <= MOST_ROOM * length;
      const free = homes.filter((home) => home.freeFrom < time && fits(home)).sort((a, b) => a.length - b.length);
      let home = free.find(({ length }) => length >= slot.length) ?? free.at(-1);
      if (!home) {
        home = { length: 0, tenants: [], freeFrom: 0 };
        homes.push(home);
      }
      home.length = Math.max(home.length, slot.length);
      home.tenants.push(slot);
      home.freeFrom = lastUse.get(slot) ?? time;
    }
  });
  for (const { length, tenants } of homes) {
    const place = allocate(length);
    for (const slot of tenants) places.set(slot, place);
  }
}

/** Every slot that a call reads or writes. */
export const slotsOf = (call: KernelCall): Slot[] => [...inputSlots(call), ...outputSlots(call)];

export const isMany = (slots: Slot | readonly Slot[] | undefined): slots is readonly Slot[] => Array.isArray(slots);

/** The same call on other slots. */
export function rebind(call: KernelCall, place: (slot: Slot) => Slot): KernelCall {
  const rebindAll = (slots: object) =>
    Object.fromEntries(
      Object.entries<Slot | readonly Slot[] | undefined>({ ...slots }).map(([role, slot]) => [
        role,
        slot && (isMany(slot) ? slot.map(place) : place(slot)),
      ]),
    );
  return Object.assign({}, call, {
    inputs: Object.assign({}, call.inputs, rebindAll(call.inputs)),
    outputs: Object.assign({}, call.outputs, rebindAll(call.outputs)),
  });
}
