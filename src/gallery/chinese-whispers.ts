import { stream } from '../tensor/random';

/** Two faces, by their places in a list, and how alike they are: more is more. */
export interface Edge {
  a: number;
  b: number;
  weight: number;
}

const MOST_ROUNDS = 30;

/** One pair of strangers in so many may count as neighbours: chance pairs are outvoted, longer chains are not. */
export const FALSE_NEIGHBOURS = 1e-4;

/** Of two faces at most the threshold apart; the nearer, the more: from 0 at the threshold to 1. */
export const weightOf = (distance: number, threshold: number): number => 1 - distance / threshold;

/**
 * Groups faces by Chinese whispers (Biemann 2006): everyone begins with a group of his own; again and again, each in
 * turn, in an order that is shuffled every round, takes over the group that most of the weight around him has. It ends
 * when nobody changes, at most after thirty rounds. How many groups there are need not be known.
 *
 * @param count of faces
 * @param edges between faces near enough to be one person's
 * @param seed decides the order, so that the same faces give the same groups
 * @returns the group of each face: 0, 1, ... from the largest to the smallest
 */
export function chineseWhispers(count: number, edges: readonly Edge[], seed: number): number[] {
  const neighbours: { other: number; weight: number }[][] = Array.from({ length: count }, () => []);
  for (const { a, b, weight } of edges) {
    neighbours[a].push({ other: b, weight });
    neighbours[b].push({ other: a, weight });
  }
  const groups = Array.from({ length: count }, (_, k) => k);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    let changes = 0;
    for (const face of shuffled(count, seed, round)) {
      const group = heaviestGroup(neighbours[face], groups);
      if (group === undefined || group === groups[face]) continue;
      groups[face] = group;
      changes++;
    }
    if (changes === 0) break;
  }
  return bySize(groups);
}

/** Of groups of the same weight the one that comes first, so that chance has no part in it. */
function heaviestGroup(around: readonly { other: number; weight: number }[], groups: readonly number[]) {
  const weights = new Map<number, number>();
  for (const { other, weight } of around) weights.set(groups[other], (weights.get(groups[other]) ?? 0) + weight);
  let best: number | undefined;
  for (const [group, weight] of weights) {
    const least = best === undefined ? Number.NEGATIVE_INFINITY : (weights.get(best) ?? 0);
    if (weight > least || (weight === least && best !== undefined && group < best)) best = group;
  }
  return best;
}

function shuffled(count: number, seed: number, round: number): number[] {
  const { next } = stream(seed, round);
  const order = Array.from({ length: count }, (_, k) => k);
  for (let k = count - 1; k > 0; k--) {
    const other = Math.floor(next() * (k + 1));
    [order[k], order[other]] = [order[other], order[k]];
  }
  return order;
}

/** Renumbered: 0 is the largest group; of the same size the one whose first face comes first. */
function bySize(groups: readonly number[]): number[] {
  const sizes = new Map<number, number>();
  for (const group of groups) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  // A map keeps the order in which groups were first met, and the sort leaves equals where they are.
  const order = [...sizes].sort(([, a], [, b]) => b - a).map(([group]) => group);
  const numbers = new Map(order.map((group, k) => [group, k]));
  return groups.map((group) => numbers.get(group) ?? 0);
}
