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
  return {
    same: distance <= threshold,
    distance,
    cosine: cosineSimilarity(a, b),
    threshold,
    ...(calibration && { probability: probabilityOf(distance, calibration) }),
  };
}

export const NO_THRESHOLD =
  'the model does not say which distance counts as the same person, as it was never calibrated; choose one yourself ' +
  '(threshold, on the command line --threshold)';
