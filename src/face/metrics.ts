/*
 * What recognition is measured by, as pure functions on arrays. A pair has a distance (smaller: more alike; of any
 * scale) and is `same`, of one person, or not. A distance of Infinity is accepted by no finite threshold, one of
 * -Infinity by each.
 */

export interface RocPoint {
  /** Pairs up to this distance are accepted. */
  threshold: number;
  /** False accept rate: the share of the different pairs that are accepted, 0 to 1. */
  far: number;
  /** True accept rate: the share of the same pairs that are accepted, 0 to 1. */
  tar: number;
}

/**
 * The receiver operating characteristic: a point for each distance that occurs, from none accepted (0, 0) to all (1, 1).
 *
 * @throws Error unless there are pairs of both kinds
 */
export function roc(distances: ArrayLike<number>, same: readonly boolean[]): RocPoint[] {
  const order = Uint32Array.from(same, (_, k) => k).sort((a, b) => compare(distances[a], distances[b]));
  const positives = same.filter(Boolean).length;
  const negatives = same.length - positives;
  expectBothKinds(positives, negatives);
  const curve: RocPoint[] = [{ threshold: Number.NEGATIVE_INFINITY, far: 0, tar: 0 }];
  let [accepted, right] = [0, 0];
  for (const [place, index] of order.entries()) {
    accepted++;
    if (same[index]) right++;
    const threshold = distances[index];
    if (place + 1 < order.length && distances[order[place + 1]] === threshold) continue; // ties are accepted together
    curve.push({ threshold, far: (accepted - right) / negatives, tar: right / positives });
  }
  return curve;
}

/** Area under the curve by trapezoids, 0 to 1: the probability that a same pair is nearer than a different one. */
export function auc(curve: readonly RocPoint[]): number {
  let area = 0;
  for (let k = 1; k < curve.length; k++)
    area += ((curve[k].far - curve[k - 1].far) * (curve[k].tar + curve[k - 1].tar)) / 2;
  return area;
}

/** Equal error rate, 0 to 1: where as many different pairs are accepted as same pairs refused, in shares; interpolated. */
export function eer(curve: readonly RocPoint[]): number {
  const excess = ({ far, tar }: RocPoint) => far - (1 - tar);
  const k = curve.findIndex((point) => excess(point) >= 0); // the last point has an excess of 1, the first of -1
  const [before, after] = [curve[k - 1], curve[k]];
  const share = -excess(before) / (excess(after) - excess(before));
  return before.far + share * (after.far - before.far);
}

/**
 * The threshold below which (strictly) a share `rate` of the different pairs lies, interpolated between the two that are
 * next to it. Fewer than 1 / rate pairs cannot tell it: then it lies between the nearest and the next.
 *
 * @param different distances of the pairs of two people
 * @param rate 0 to 1
 * @throws Error of no pairs
 */
export function thresholdAtFar(different: ArrayLike<number>, rate: number): number {
  if (different.length === 0) throw new Error('there is no pair of two people to take a threshold from');
  const sorted = Float64Array.from(different).sort();
  const place = rate * sorted.length;
  const k = Math.floor(place);
  if (k >= sorted.length) return Number.POSITIVE_INFINITY;
  const [low, high] = [sorted[k], sorted[Math.min(k + 1, sorted.length - 1)]];
  return place === k || !Number.isFinite(high - low) ? low : low + (place - k) * (high - low);
}

/** The share of same pairs nearer than the threshold at which a share `rate` of the different pairs is; see thresholdAtFar(). */
export function tarAtFar(distances: ArrayLike<number>, same: readonly boolean[], rate: number): number {
  const [positive, negative] = bothKinds(distances, same);
  const threshold = thresholdAtFar(negative, rate);
  return share(positive, (distance) => distance < threshold);
}

/** Mean over the folds of the TAR of each, at the threshold that the other folds have for the rate: LFW's protocol. */
export function kFoldTarAtFar(
  distances: ArrayLike<number>,
  same: readonly boolean[],
  folds: readonly number[],
  rate: number,
): number {
  const rates = foldNumbers(folds).map((fold) => {
    const [, others] = bothKinds(distances, same, (k) => folds[k] !== fold);
    const [held] = bothKinds(distances, same, (k) => folds[k] === fold);
    const threshold = thresholdAtFar(others, rate);
    return share(held, (distance) => distance < threshold);
  });
  return mean(rates);
}

/** Share of pairs that a threshold decides rightly: accepted if and only if they are the same. */
export function accuracyAt(distances: ArrayLike<number>, same: readonly boolean[], threshold: number): number {
  return same.filter((isSame, k) => distances[k] <= threshold === isSame).length / same.length;
}

/** The first of the grid 0, 0.01, ... 4 with the highest accuracy: for squared distances of vectors of length 1. */
export function bestThreshold(squared: ArrayLike<number>, same: readonly boolean[]): number {
  let best = { threshold: 0, accuracy: -1 };
  for (let k = 0; k <= 400; k++) {
    const accuracy = accuracyAt(squared, same, k / 100);
    if (accuracy > best.accuracy) best = { threshold: k / 100, accuracy };
  }
  return best.threshold;
}

export interface FoldAccuracy {
  /** Of each fold, at its threshold. */
  folds: number[];
  /** Of each fold: the best one of the other folds. */
  thresholds: number[];
  accuracy: number;
  /** Of that mean: the folds' deviation by the square root of their number. */
  standardError: number;
}

/**
 * LFW's View 2 (Huang et al. 2007): each fold is scored at the threshold that is best on all others, `bestThreshold`.
 *
 * @param squared squared distances of vectors of length 1
 * @param folds   the fold that each pair belongs to
 */
export function kFoldAccuracy(
  squared: ArrayLike<number>,
  same: readonly boolean[],
  folds: readonly number[],
): FoldAccuracy {
  const part = (wanted: (k: number) => boolean): [number[], boolean[]] => {
    const chosen = same.map((_, k) => k).filter(wanted);
    return [chosen.map((k) => squared[k]), chosen.map((k) => same[k])];
  };
  const thresholds = foldNumbers(folds).map((fold) => bestThreshold(...part((k) => folds[k] !== fold)));
  const accuracies = foldNumbers(folds).map((fold, k) =>
    accuracyAt(...part((pair) => folds[pair] === fold), thresholds[k]),
  );
  return { folds: accuracies, thresholds, accuracy: mean(accuracies), standardError: standardError(accuracies) };
}

/** The numbers of the folds, in order. @param folds the fold of each pair */
export const foldNumbers = (folds: readonly number[]): number[] => [...new Set(folds)].sort((a, b) => a - b);

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of the mean of some values: their sample deviation by the square root of their number. NaN of fewer than two. */
export function standardError(values: readonly number[]): number {
  const middle = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1) / values.length);
}

/** The value of which a share lies below, between neighbours interpolated (numpy's rule). NaN of none. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return Number.NaN;
  const place = part * (sorted.length - 1);
  const k = Math.floor(place);
  return k + 1 < sorted.length ? sorted[k] + (place - k) * (sorted[k + 1] - sorted[k]) : sorted[k];
}

export type Interval = [low: number, high: number];

/**
 * Percentile bootstrap (Efron 1979): a statistic of as many items, drawn with replacement, again and again. Items are
 * taken as independent: pairs that share photos are not wholly, and the truth is a little wider.
 *
 * @param statistic of items, given by their places
 * @param options.level how much of the statistic's distribution lies within, 0.95 by default
 */
export function bootstrap(
  count: number,
  statistic: (places: Uint32Array) => number,
  { random, samples = 1000, level = 0.95 }: { random: { below(n: number): number }; samples?: number; level?: number },
): Interval {
  const places = new Uint32Array(count);
  const values = Array.from({ length: samples }, () => {
    for (let k = 0; k < count; k++) places[k] = random.below(count);
    return statistic(places);
  }).filter((value) => !Number.isNaN(value));
  return [quantile(values, (1 - level) / 2), quantile(values, (1 + level) / 2)];
}

/**
 * Area under precision against recall, precision made monotone from the right, as Pascal VOC 2010 and WIDER FACE have it.
 *
 * @param marks what was found, and whether it is right; in any order
 * @param total how many there are to find; NaN of none
 */
export function averagePrecision(marks: readonly { score: number; right: boolean }[], total: number): number {
  const sorted = [...marks].sort((a, b) => b.score - a.score);
  let right = 0;
  const points = sorted.map((mark, k) => {
    if (mark.right) right++;
    return { recall: right / total, precision: right / (k + 1) };
  });
  let [area, highest] = [total === 0 ? Number.NaN : 0, 0];
  for (let k = points.length - 1; k >= 0; k--) {
    highest = Math.max(highest, points[k].precision);
    area += (points[k].recall - (points[k - 1]?.recall ?? 0)) * highest;
  }
  return area;
}

/**
 * At which place the right person stands among those of a gallery, 1 being the nearest; those as near stand before.
 *
 * @param distances of a probe to each person
 * @param owner whose probe it is; Infinity where the distance is not finite: no face was found
 */
export function rankOf(distances: ArrayLike<number>, owner: number): number {
  const own = distances[owner];
  if (!Number.isFinite(own)) return Number.POSITIVE_INFINITY;
  let rank = 1;
  for (let k = 0; k < distances.length; k++) if (k !== owner && distances[k] <= own) rank++;
  return rank;
}

/** Share of probes whose right person is among the `k` nearest. */
export const rankAccuracy = (ranks: readonly number[], k: number): number => share(ranks, (rank) => rank <= k);

/**
 * Detection and identification rate of an open set: the share of probes of known people that are named rightly and are
 * nearer than the threshold, which a share `far` of the strangers' best matches is as well (Phillips et al. 2011).
 *
 * @param known     of each probe of a known person the distance of the best match, and whether that is the right one
 * @param strangers of each probe of an unknown person the distance of the best match
 */
export function openSet(
  known: readonly { distance: number; right: boolean }[],
  strangers: readonly number[],
  far: number,
): { threshold: number; dir: number } {
  const threshold = thresholdAtFar(strangers, far);
  return { threshold, dir: share(known, ({ distance, right }) => right && distance < threshold) };
}

/** How often each actual one was taken for which, the most frequent first; those that were taken rightly are left out. */
export function confusions(
  actual: readonly string[],
  answers: readonly string[],
): { actual: string; answer: string; count: number }[] {
  const counts = new Map<string, { actual: string; answer: string; count: number }>();
  for (const [k, name] of actual.entries()) {
    if (name === answers[k]) continue;
    const key = JSON.stringify([name, answers[k]]);
    const known = counts.get(key) ?? { actual: name, answer: answers[k], count: 0 };
    counts.set(key, { ...known, count: known.count + 1 });
  }
  return [...counts.values()].sort((a, b) => b.count - a.count);
}

/** Share of the errors up to each limit, 0 to 1; errors may be infinite. */
export const cumulative = (errors: readonly number[], limits: readonly number[]): { limit: number; share: number }[] =>
  limits.map((limit) => ({ limit, share: share(errors, (error) => error <= limit) }));

const share = <T>(values: readonly T[], holds: (value: T) => boolean): number =>
  values.filter(holds).length / values.length;

const compare = (a: number, b: number) => (a < b ? -1 : a > b ? 1 : 0);

/** The distances of the same pairs, and of the others. */
export function bothKinds(
  distances: ArrayLike<number>,
  same: readonly boolean[],
  wanted: (k: number) => boolean = () => true,
): [same: number[], different: number[]] {
  const positive: number[] = [];
  const negative: number[] = [];
  for (const [k, isSame] of same.entries()) if (wanted(k)) (isSame ? positive : negative).push(distances[k]);
  return [positive, negative];
}

function expectBothKinds(positives: number, negatives: number) {
  if (positives === 0 || negatives === 0)
    throw new Error(`there is no pair of ${positives === 0 ? 'one person' : 'two people'}; both kinds are needed`);
}
