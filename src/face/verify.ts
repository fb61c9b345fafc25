/**
 * Distances between embeddings, and what they say about two faces being one person's.
 */

/** Cosine of the angle between two embeddings of length 1: -1 to 1. */
export function cosineSimilarity(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let dot = 0;
  for (let i = 0; i < a.length; i++) dot += a[i] * b[i];
  return dot;
}

/** Euclidean distance between two embeddings: 0 to 2 for length 1, where it is sqrt(2 - 2 cosine). */
export function euclideanDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let squares = 0;
  for (let i = 0; i < a.length; i++) squares += (a[i] - b[i]) ** 2;
  return Math.sqrt(squares);
}

/** Where a decision comes from: for the pretrained network see `CALIBRATION`, for others calibrate(). */
export interface Calibration {
  /** Largest distance at which two faces count as one person's. */
  threshold: number;
  /** probability = 1 / (1 + exp(slope * (distance - centre))), for a pair that is as likely one person as two. */
  slope: number;
  centre: number;
  /** The share of the pairs of different people, of those that it was fitted on, that the threshold lets through. */
  falseMatchRate?: number;
  /** Thresholds that let fewer through. */
  stricter?: readonly OperatingPoint[];
  /** What it was fitted on. */
  origin?: string;
}

/** A threshold, and the share of pairs of different people that it lets through. */
export interface OperatingPoint {
  threshold: number;
  falseMatchRate: number;
}

export const probabilityOf = (distance: number, { slope, centre }: Calibration): number =>
  1 / (1 + Math.exp(slope * (distance - centre)));

export interface Comparison {
  /** Whether the two are taken for one person: distance at most the threshold. */
  same: boolean;
  /** Euclidean distance of the embeddings, 0 to 2. */
  distance: number;
  /** Cosine of their angle, -1 to 1; distance squared is 2 - 2 cosine. */
  cosine: number;
  threshold: number;
  /**
   * That the two are one person, for a pair that is beforehand as likely one person as two: 0 to 1. There is none for a
   * model that is not calibrated.
   */
  probability?: number;
  /** The share of pairs of different people that the threshold lets through, where the calibration tells it. */
  falseMatchRate?: number;
}

/**
 * @param calibration of the network that made the embeddings, where there is one
 * @param threshold the caller's own, in place of the calibrated one
 * @throws Error when there is neither
 */
export function compareEmbeddings(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  calibration: Calibration | undefined,
  threshold = calibration?.threshold,
): Comparison {
  if (threshold === undefined) throw new Error(NO_THRESHOLD);
  const distance = euclideanDistance(a, b);
  const falseMatchRate = falseMatchRateAt(threshold, calibration);
  return {
    same: distance <= threshold,
    distance,
    cosine: cosineSimilarity(a, b),
    threshold,
    ...(calibration && { probability: probabilityOf(distance, calibration) }),
    ...(falseMatchRate !== undefined && { falseMatchRate }),
  };
}

/** What is known of a threshold: the rate of one that was calibrated, nothing of another. */
function falseMatchRateAt(threshold: number, calibration: Calibration | undefined): number | undefined {
  if (threshold === calibration?.threshold) return calibration.falseMatchRate;
  return calibration?.stricter?.find((point) => point.threshold === threshold)?.falseMatchRate;
}

/**
 * The largest threshold of a calibration that lets through no more than a share of pairs of different people.
 *
 * @throws Error that names the rates it has, where it has none as low
 */
export function thresholdFor(rate: number, calibration: Calibration): number {
  const { threshold, falseMatchRate, stricter = [] } = calibration;
  const known = [...(falseMatchRate === undefined ? [] : [{ threshold, falseMatchRate }]), ...stricter];
  const fitting = known.filter((point) => point.falseMatchRate <= rate).map((point) => point.threshold);
  if (fitting.length > 0) return Math.max(...fitting);
  const rates = known.map((point) => point.falseMatchRate).join(', ');
  throw new Error(
    `the model has no threshold for a false-match rate of ${rate}; ${rates ? `it has them for ${rates}` : NO_THRESHOLD}`,
  );
}

export const NO_THRESHOLD =
  'the model does not say which distance counts as the same person, as it was never calibrated; choose one yourself ' +
  '(threshold, on the command line --threshold)';
