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

/**
 * Greedy non-maximum suppression with box voting (Gidaris and Komodakis 2015, section 4.2): the best box stands for
 * all that overlap it by more than `overlap`, and becomes their mean, weighted by score.
 *
 * @returns best first
 */
export function mergeBoxes(candidates: readonly ScoredBox[], overlap: number): ScoredBox[] {
  let rest = [...candidates].sort((a, b) => b.score - a.score);
  const merged: ScoredBox[] = [];
  while (rest.length > 0) {
    const best = rest[0];
    const group = new Set(rest.filter(({ box }) => box === best.box || intersectionOverUnion(box, best.box) > overlap));
    merged.push({ box: weightedMean([...group]), score: best.score });
    rest = rest.filter((candidate) => !group.has(candidate));
  }
  return merged;
}

function weightedMean(group: readonly ScoredBox[]): Box {
  const total = group.reduce((sum, { score }) => sum + score, 0);
  const mean = (k: number) => group.reduce((sum, { box, score }) => sum + box[k] * score, 0) / total;
  return [mean(0), mean(1), mean(2), mean(3)];
}
