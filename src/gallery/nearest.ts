/** Somebody, or a photo, near a probe. */
export interface Neighbour {
  /** Of a person or a photo. */
  owner: number;
  /** The nearest of its templates or faces; 0 for the mean of several. */
  id: number;
  distance: number;
}

/** Of vectors of length 1. */
export const distanceOfCosine = (cosine: number): number => Math.sqrt(Math.max(0, 2 - 2 * cosine));

/** The nearest so many owners of each of some probes, each with its nearest vector. */
export class Ranking {
  readonly #count: number;
  readonly #lists: { owner: number; id: number; cosine: number }[][];
  /** What a cosine must exceed to count, of each probe. */
  readonly least: Float32Array;

  constructor(probes: number, count: number) {
    this.#count = count;
    this.#lists = Array.from({ length: probes }, () => []);
    this.least = new Float32Array(probes).fill(Number.NEGATIVE_INFINITY);
  }

  /** To be called where `cosine` is more than `least[probe]`. */
  add(probe: number, owner: number, id: number, cosine: number): void {
    const list = this.#lists[probe];
    const known = list.findIndex((neighbour) => neighbour.owner === owner);
    if (known >= 0) {
      if (list[known].cosine >= cosine) return;
      list.splice(known, 1);
    }
    const place = list.findIndex((neighbour) => neighbour.cosine < cosine);
    list.splice(place < 0 ? list.length : place, 0, { owner, id, cosine });
    if (list.length > this.#count) list.pop();
    if (list.length === this.#count) this.least[probe] = list[this.#count - 1].cosine;
  }

  /** @returns of each probe, the nearest first */
  neighbours(): Neighbour[][] {
    return this.#lists.map((list) =>
      list.map(({ owner, id, cosine }) => ({ owner, id, distance: distanceOfCosine(cosine) })),
    );
  }
}
