import { type Calibration, euclideanDistance } from './verify';

/** How embeddings come about: added to those of the mirror images, or plain. */
export type EmbeddingMode = 'flip' | 'plain';

/** Where decisions come from, for each mode that there is one for. */
export type Calibrations = { readonly [mode in EmbeddingMode]?: Calibration };

/** Distances of pairs of images. */
export interface PairDistances {
  /** Of two images of one person. */
  same: readonly number[];
  /** Of images of two people. */
  different: readonly number[];
}

/** The share of different pairs that a threshold may let through; the others that a calibration tells thresholds for. */
const FALSE_MATCH_RATE = 0.01;
const FURTHER_RATES = [0.001];

/**
 * A threshold and a probability from distances of pairs.
 *
 * The threshold is the largest distance at which at most 1 % of the different pairs match falsely: halfway between the
 * two neighbouring distances of which the first still keeps to that and the second does not.
 *
 * The slope is the logistic regression's of "same" on the distance. Both kinds of pairs weigh as much however many
 * there are of each, so that the probability is that of a pair which is beforehand as likely one person as two. The
 * targets are Platt's (1999), (n + 1) / (n + 2) and 1 / (n + 2) in place of 1 and 0: pairs that a distance separates
 * without an error would make the curve infinitely steep. The centre is moved to the threshold, so that "the same"
 * always means a probability of a half or more.
 *
 * Further thresholds, for 0.1 %, are told where there are pairs enough: one of them at least may match falsely.
 *
 * @param origin what the pairs are, for whoever asks where the threshold comes from
 * @returns nothing without pairs of both kinds, where those of one person are no nearer than the others, or where more
 * than 1 % of the different pairs have no distance at all
 */
export function calibrate({ same, different }: PairDistances, origin?: string): Calibration | undefined {
  if (same.length === 0 || different.length === 0) return undefined;
  const slope = -fitLogistic(same, different).steepness;
  if (!(slope > 0)) return undefined;
  const rateAt = (threshold: number) => different.filter((distance) => distance <= threshold).length / different.length;
  const at = (rate: number) => {
    const threshold = chooseThreshold(same, different, rate);
    return { threshold, falseMatchRate: rateAt(threshold) };
  };
  const { threshold, falseMatchRate } = at(FALSE_MATCH_RATE);
  if (falseMatchRate > FALSE_MATCH_RATE) return undefined;
  const stricter = FURTHER_RATES.filter((rate) => rate * different.length >= 1).map(at);
  return {
    threshold,
    slope,
    centre: threshold,
    falseMatchRate,
    ...(stricter.length > 0 && { stricter }),
    ...(origin && { origin }),
  };
}

/** Distances of all pairs of embeddings, each labelled with whose it is. */
export function pairDistances(embeddings: readonly ArrayLike<number>[], labels: readonly number[]): PairDistances {
  const same: number[] = [];
  const different: number[] = [];
  for (let i = 0; i < embeddings.length; i++)
    for (let j = 0; j < i; j++)
      (labels[i] === labels[j] ? same : different).push(euclideanDistance(embeddings[i], embeddings[j]));
  return { same, different };
}

/** As a model's metadata hold it; none is none. @throws Error in one sentence for what is no calibration */
export function parseCalibrations(json: string | undefined, source: string): Calibrations {
  if (json === undefined) return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {}
  if (!areCalibrations(parsed)) throw new Error(`${source}: holds a calibration that cannot be understood`);
  return parsed;
}

function chooseThreshold(same: readonly number[], different: readonly number[], rate: number): number {
  const sorted = Float64Array.from(different).sort();
  const firstTooMany = sorted[Math.floor(rate * sorted.length)];
  let last = 0;
  for (const distances of [same, different])
    for (const distance of distances) if (distance < firstTooMany) last = Math.max(last, distance);
  return (last + firstTooMany) / 2;
}

/**
 * Minimises the cross entropy of 1 / (1 + exp(-(offset + steepness * (distance - mean)))) by Newton's method. A step
 * that does not make it smaller is halved until it does (Lin, Lin and Weng 2007).
 */
function fitLogistic(same: readonly number[], different: readonly number[]): { offset: number; steepness: number } {
  const kinds = [
    { distances: same, target: (same.length + 1) / (same.length + 2), weight: 0.5 / same.length },
    { distances: different, target: 1 / (different.length + 2), weight: 0.5 / different.length },
  ];
  const mean = kinds.reduce((sum, { distances, weight }) => sum + weight * distances.reduce((a, b) => a + b), 0);

  const costOf = (offset: number, steepness: number): number => {
    let cost = 0;
    for (const { distances, target, weight } of kinds)
      for (const distance of distances) {
        const logit = offset + steepness * (distance - mean);
        // -t log p - (1 - t) log(1 - p), without overflow
        cost += weight * (Math.log1p(Math.exp(-Math.abs(logit))) + Math.max(logit, 0) - target * logit);
      }
    return cost;
  };

  let [offset, steepness] = [0, 0];
  let cost = costOf(offset, steepness);
  for (let iteration = 0; iteration < 100; iteration++) {
    let [byOffset, bySteepness, twiceOffset, both, twiceSteepness] = [0, 0, 1e-12, 0, 1e-12];
    for (const { distances, target, weight } of kinds)
      for (const distance of distances) {
        const x = distance - mean;
        const probability = 1 / (1 + Math.exp(-(offset + steepness * x)));
        const slope = weight * (probability - target);
        const curvature = weight * probability * (1 - probability);
        byOffset += slope;
        bySteepness += slope * x;
        twiceOffset += curvature;
        both += curvature * x;
        twiceSteepness += curvature * x * x;
      }
    if (Math.hypot(byOffset, bySteepness) < 1e-9) break;
    const determinant = twiceOffset * twiceSteepness - both * both;
    const stepOffset = (twiceSteepness * byOffset - both * bySteepness) / determinant;
    const stepSteepness = (twiceOffset * bySteepness - both * byOffset) / determinant;
    let share = 1;
    let next = costOf(offset - stepOffset, steepness - stepSteepness);
    while (!(next < cost) && share > 1e-9) {
      share /= 2;
      next = costOf(offset - share * stepOffset, steepness - share * stepSteepness);
    }
    if (!(next < cost)) break; // as small as numbers can tell
    offset -= share * stepOffset;
    steepness -= share * stepSteepness;
    cost = next;
  }
  return { offset, steepness };
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

function isCalibration(value: unknown): value is Calibration {
  return (
    isRecord(value) &&
    ['threshold', 'slope', 'centre'].every((key) => Number.isFinite(value[key])) &&
    (value.falseMatchRate === undefined || Number.isFinite(value.falseMatchRate)) &&
    (value.origin === undefined || typeof value.origin === 'string') &&
    (value.stricter === undefined || (Array.isArray(value.stricter) && value.stricter.every(isOperatingPoint)))
  );
}

const isOperatingPoint = (value: unknown): boolean =>
  isRecord(value) && Number.isFinite(value.threshold) && Number.isFinite(value.falseMatchRate);

const areCalibrations = (value: unknown): value is Calibrations =>
  isRecord(value) && [value.flip, value.plain].every((mode) => mode === undefined || isCalibration(mode));
