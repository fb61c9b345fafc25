/** Left, top, width, height in pixels of the upright photo. */
export type Box = [x: number, y: number, width: number, height: number];

export interface ScoredBox {
  box: Box;
  /** 0 to 1: how sure the detector is. */
  score: number;
}

/** Area of the intersection over area of the union, 0 to 1. */
export function intersectionOverUnion(a: Box, b: Box): number {
  const width = Math.min(a[0] + a[2], b[0] + b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[1] + a[3], b[1] + b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const intersection = width * height;
  return intersection / (a[2] * a[3] + b[2] * b[3] - intersection);
}

/** Boxes that overlap a better one by more than this show the same face; those above AGREEMENT help to place it. */
const SAME_FACE = 0.3;
const AGREEMENT = 0.4;

/**
 * Greedy non-maximum suppression with box voting (Gidaris and Komodakis 2015, section 4.2): the best box stands for
 * all that show the same face, and becomes the mean, weighted by score, of those that agree with it.
 *
 * @param vote false leaves the best box where it is: neighbours of one and the same look tell nothing new
 * @returns best first
 */
export function mergeBoxes<B extends ScoredBox>(candidates: readonly B[], vote = true): B[] {
  let rest = [...candidates].sort((a, b) => b.score - a.score);
  const merged: B[] = [];
  while (rest.length > 0) {
    const [best] = rest;
    const agreeing: B[] = [];
    const others: B[] = [];
    for (const one of rest) {
      const overlap = one === best ? 1 : intersectionOverUnion(one.box, best.box);
      if (overlap > AGREEMENT) agreeing.push(one);
      if (!(overlap > SAME_FACE)) others.push(one);
    }
    merged.push(vote ? { ...best, box: weightedMean(agreeing) } : best);
    rest = others;
  }
  return merged;
}

function weightedMean(group: readonly ScoredBox[]): Box {
  const total = group.reduce((sum, { score }) => sum + score, 0);
  const mean = (k: number) => group.reduce((sum, { box, score }) => sum + box[k] * score, 0) / total;
  return [mean(0), mean(1), mean(2), mean(3)];
}

/** Where tiles of a side begin that cover a length, each overlapping the next by a quarter at least. */
export function tilePlaces(length: number, side: number): number[] {
  if (length <= side) return [0];
  const count = Math.ceil((length - side) / (0.75 * side)) + 1;
  return Array.from({ length: count }, (_, k) => (k * (length - side)) / (count - 1));
}

/** The face that a photo is of: the one that is largest after its distance from the middle is taken off. None of none. */
export function mostProminent<F extends { box: Box }>(
  photo: { width: number; height: number },
  faces: readonly F[],
): F[] {
  const prominence = ({ box: [x, y, width, height] }: F) =>
    width * height - (x + width / 2 - photo.width / 2) ** 2 - (y + height / 2 - photo.height / 2) ** 2;
  return [...faces].sort((a, b) => prominence(b) - prominence(a)).slice(0, 1);
}
