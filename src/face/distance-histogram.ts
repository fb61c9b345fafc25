/*
 * Distances of pairs as counts: small enough to be kept and shown, and enough for a curve, with no embedding and no name
 * in it.
 */
import type { ScoredPairs } from './evaluate';
import type { RocPoint } from './metrics';

/** Pairs of each kind. */
export interface PairCounts {
  same: number;
  different: number;
}

/** How many pairs have which distance. Bin k counts those above k * width and up to (k + 1) * width; the first 0 as well. */
export interface DistanceHistogram {
  width: number;
  /** Pairs of one person. */
  same: number[];
  /** Pairs of two people; as many bins. */
  different: number[];
  /** Pairs with a photo that shows no face: they have no distance, and no threshold accepts them. */
  withoutFace: PairCounts;
}

/** The pretrained network's threshold, 0.412, is the end of a bin. */
const WIDTH = 0.004;

/** Of all pairs, up to the last bin that one is in. */
export function distanceHistogram({ squared, same }: ScoredPairs, width = WIDTH): DistanceHistogram {
  const places = squared.map((distance) =>
    Number.isFinite(distance) ? Math.max(0, Math.ceil(Math.sqrt(distance) / width) - 1) : -1,
  );
  const length = places.reduce((most, place) => Math.max(most, place + 1), 0);
  const count = (kind: boolean) => {
    const counts = new Array<number>(length).fill(0);
    for (const [k, place] of places.entries()) if (same[k] === kind && place >= 0) counts[place]++;
    return counts;
  };
  const without = (kind: boolean) => places.filter((place, k) => same[k] === kind && place < 0).length;
  return {
    width,
    same: count(true),
    different: count(false),
    withoutFace: { same: without(true), different: without(false) },
  };
}

const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);

/** All that were counted, those without a face too. */
export const pairsIn = ({ same, different, withoutFace }: DistanceHistogram): PairCounts => ({
  same: sum(same) + withoutFace.same,
  different: sum(different) + withoutFace.different,
});

/**
 * How many pairs a threshold accepts: exact where it is the end of a bin; within a bin, of that bin's pairs the share that
 * lies below the threshold were they spread evenly.
 */
export function acceptedAt({ width, same, different }: DistanceHistogram, threshold: number): PairCounts {
  const place = Math.max(0, threshold / width);
  // 0.412 / 0.004 is not quite 103.
  const ends = Math.abs(place - Math.round(place)) < 1e-6 ? Math.round(place) : place;
  const whole = Math.floor(ends);
  const upTo = (counts: readonly number[]) => sum(counts.slice(0, whole)) + (ends - whole) * (counts[whole] ?? 0);
  return { same: upTo(same), different: upTo(different) };
}

/** The curve at the ends of the bins that are not empty, from none accepted. The shares are of all pairs. */
export function rocOfHistogram(histogram: DistanceHistogram): RocPoint[] {
  const { width, same, different } = histogram;
  const all = pairsIn(histogram);
  const curve: RocPoint[] = [{ threshold: 0, far: 0, tar: 0 }];
  const accepted = { same: 0, different: 0 };
  for (let k = 0; k < same.length; k++) {
    if (same[k] + different[k] === 0) continue;
    accepted.same += same[k];
    accepted.different += different[k];
    curve.push({
      threshold: (k + 1) * width,
      far: accepted.different / all.different,
      tar: accepted.same / all.same,
    });
  }
  return curve;
}
