import type { EmbeddingMode } from '../face/calibrate';
import { PRETRAINED } from '../face/embed';
import type { Calibration, OperatingPoint } from '../face/verify';

/*
 * Which distance may count as somebody of the gallery, when the whole search may go wrong with a stated probability.
 *
 * A face of nobody known is compared with n templates. If each comparison lets a stranger through with probability f,
 * independently, the search names somebody all the same with
 *
 *   F = 1 - (1 - f)^n        and so        f = 1 - (1 - F)^(1/n)
 *
 * (Grother, Ngan, Hanaoka: FRVT Part 2, "Identification", NISTIR 8271, where F is the false positive identification
 * rate). f is then looked up among distances of pairs of strangers. Templates of one person resemble one another, so
 * that n is rather too large and the threshold rather too strict.
 */

/**
 * Shares of the 12,454,344 pairs of strangers among the 4,992 photos of LFW's View 1, and the distances below which
 * they lie: `npm run bench -- impostors ../shared/faces/lfw`, with --no-flip for `plain`. At 1e-6 there are twelve pairs.
 * They are strangers drawn at random: relatives, and people chosen for their likeness, come nearer.
 */
const PRETRAINED_TAIL: Record<EmbeddingMode, readonly OperatingPoint[]> = {
  flip: tail([0.4215, 0.3967, 0.3765, 0.356, 0.3381, 0.3215, 0.3069, 0.2905, 0.2756]),
  plain: tail([0.4291, 0.4042, 0.3838, 0.3631, 0.3452, 0.3272, 0.3128, 0.2956, 0.2769]),
};

function tail(distances: readonly number[]): OperatingPoint[] {
  const rates = [1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6];
  return distances.map((threshold, k) => ({ threshold, falseMatchRate: rates[k] }));
}

/** How many factors of ten the line spans that is drawn on beyond the last measured point. */
const DECADES_OF_SLOPE = 2;

export interface SearchThreshold {
  /** Largest distance at which a face counts as somebody of the gallery. */
  threshold: number;
  /** Of one comparison. */
  falseMatchRate: number;
  /** Whether that rate is smaller than any that was measured, so that the threshold comes from a line drawn on. */
  isExtrapolated: boolean;
  /** What was measured. */
  origin: string;
}

/** The share of comparisons that may let a stranger through if the whole search may with a probability of `rate`. */
export const rateOfComparison = (rate: number, comparisons: number): number =>
  // 1 - (1 - F)^(1/n), without the loss of digits where n is large
  -Math.expm1(Math.log1p(-rate) / Math.max(1, comparisons));

/** Measured points of a model, the highest rate first; none where it was never calibrated. */
export function operatingPoints(model: string, isFlipped: boolean, calibration: Calibration | undefined) {
  if (model === PRETRAINED.name) {
    return {
      points: PRETRAINED_TAIL[isFlipped ? 'flip' : 'plain'],
      origin: '12.5 million pairs of strangers of LFW View 1',
    };
  }
  const { threshold, falseMatchRate, stricter = [] } = calibration ?? {};
  const first = threshold === undefined || !falseMatchRate ? [] : [{ threshold, falseMatchRate }];
  const points = [...first, ...stricter]
    .filter((point) => point.falseMatchRate > 0)
    .sort((a, b) => b.falseMatchRate - a.falseMatchRate || b.threshold - a.threshold);
  return { points: withoutRepeats(points), origin: calibration?.origin ?? 'the calibration of the model' };
}

/**
 * The threshold for a rate of one comparison, by lines between measured points in distance and log rate. Below the
 * smallest rate the line through the last two decades is drawn on. Distances of strangers thin out faster than that
 * (log rate is concave in distance, as of any points that fill a sphere), which makes such a threshold a little strict.
 *
 * @throws Error in one sentence when fewer than two points are known
 */
export function thresholdForComparison(
  rate: number,
  { points, origin }: { points: readonly OperatingPoint[]; origin: string },
): SearchThreshold {
  const first = points.at(0);
  const last = points.at(-1);
  if (!first || !last || points.length < 2)
    throw new Error(
      'of this model too little is known to choose a threshold for a gallery; give one (threshold, on the command line ' +
        '--threshold), or calibrate it on more people: likeness evaluate pairs --calibrate',
    );
  if (rate >= first.falseMatchRate)
    return { threshold: first.threshold, falseMatchRate: first.falseMatchRate, isExtrapolated: false, origin };
  const isExtrapolated = rate < last.falseMatchRate;
  const upper = isExtrapolated
    ? (points.findLast((point) => point.falseMatchRate >= last.falseMatchRate * 10 ** DECADES_OF_SLOPE) ?? first)
    : (points.findLast((point) => point.falseMatchRate >= rate) ?? first);
  const lower = isExtrapolated ? last : (points.find((point) => point.falseMatchRate <= rate) ?? last);
  const slope =
    upper === lower ? 0 : (upper.threshold - lower.threshold) / Math.log(upper.falseMatchRate / lower.falseMatchRate);
  const threshold = Math.max(0, lower.threshold + slope * Math.log(rate / lower.falseMatchRate));
  return { threshold, falseMatchRate: rate, isExtrapolated, origin };
}

/** Of thresholds at the same rate the largest. */
function withoutRepeats(points: readonly OperatingPoint[]): OperatingPoint[] {
  return points.filter((point, k) => k === 0 || point.falseMatchRate < points[k - 1].falseMatchRate);
}

/**
 * How probable it is that a face is each of its candidates, by Bayes. Beforehand it is as likely nobody's as somebody's
 * of the gallery, and each of its people is as likely as another: `people` of them share one half. A distance d of a
 * candidate makes it exp(-slope (d - centre)) times as likely as a stranger (the odds of the calibration, which is of
 * pairs as likely one person's as two's). People who are no candidates are too far away to count.
 *
 * @returns for each distance, in their order; what is left to 1 is nobody's
 */
export function probabilities(distances: readonly number[], people: number, { slope, centre }: Calibration): number[] {
  // By their logarithms: a likeness of exp(30) among a million people is nothing out of the ordinary.
  const logs = distances.map((distance) => -slope * (distance - centre) - Math.log(Math.max(1, people)));
  const largest = Math.max(0, ...logs);
  const total = Math.exp(-largest) + logs.reduce((sum, log) => sum + Math.exp(log - largest), 0);
  return logs.map((log) => Math.exp(log - largest) / total);
}
