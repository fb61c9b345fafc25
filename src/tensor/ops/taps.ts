import { sizeOf } from '../shape';

/** Where each place of an axis comes from: `taps` weighted places of the input for every one of the output. */
export interface Taps {
  /** [tap][place of the output]: whole numbers; -1 counts as the filler. */
  places: readonly ArrayLike<number>[];
  weights: readonly ArrayLike<number>[];
  fill: number;
}

/** The most places of a table: float32, in which they reach a kernel, holds all whole numbers up to here. */
const MOST_PLACES = 2 ** 24;

/** @throws Error when a table for `operation` would have more places than can be listed */
export function expectListable(operation: string, count: number): void {
  if (count > MOST_PLACES)
    throw new Error(
      `${operation}: its gradient takes a table of ${count} places, and ${MOST_PLACES} are the most; use smaller inputs`,
    );
}

/**
 * The same weights from the other side: place i of the input takes part in each j with places[t,j] = i, by weights[t,j].
 * As many taps as the place that is taken most often needs.
 *
 * @param side of the input's axis
 * @throws Error when the table would have more places than can be listed
 */
export function inverse(operation: string, { places, weights }: Taps, side: number): Taps {
  expectListable(operation, places[0].length);
  const eachTap = (visit: (place: number, j: number, weight: number) => void): void => {
    for (const [t, ofTap] of places.entries())
      for (let j = 0; j < ofTap.length; j++)
        if (ofTap[j] >= 0 && weights[t][j] !== 0) visit(ofTap[j], j, weights[t][j]);
  };
  const counts = new Uint32Array(side);
  eachTap((place) => counts[place]++);
  const taps = counts.reduce((most, count) => Math.max(most, count), 1);
  expectListable(operation, sizeOf([taps, side]));
  const back = Array.from({ length: taps }, () => ({
    places: new Float64Array(side).fill(-1),
    weights: new Float64Array(side),
  }));
  counts.fill(0);
  eachTap((place, j, weight) => {
    const tap = back[counts[place]++];
    tap.places[place] = j;
    tap.weights[place] = weight;
  });
  return { places: back.map((tap) => tap.places), weights: back.map((tap) => tap.weights), fill: 0 };
}
