import { type DistanceHistogram, distanceHistogram } from '../face/distance-histogram';
import type { ConditionAt, KnownFace } from '../face/embedding-cache';
import {
  accuracyOf,
  chooseThresholds,
  type Decisions,
  type Embeddings,
  FAR,
  type PairFigures,
  pairFigures,
  scorePairs,
  type ThresholdRule,
} from '../face/evaluate';
import type { Pair } from '../face/protocols';
import { between, share } from './evaluate';

/** Which photos of pairs wear masks: those that are looked up, or those that are known as well. */
export type MaskedPhotos = 'probe' | 'both';

/** Figures of pairs of which none, the second or both photos wear masks. */
export interface MaskFigures extends PairFigures {
  photos: 'unmasked-unmasked' | 'masked-unmasked' | 'masked-masked';
  /** At the thresholds of the unmasked pairs: what somebody sees whose system was set up before. */
  accuracyAtUnmasked: number;
  /** Photos without a face, of so many: of the masked ones where there are any. */
  missed: number;
  of: number;
  /** Of all pairs, scored or not. */
  distances: DistanceHistogram;
}

/** A mask over nose and mouth: see CONDITIONS. */
export const maskedBy = (seed: number): ConditionAt => ({ name: 'masks', strength: 3, seed });

/** Files that are embedded a second time, with masks. */
export function maskedFiles(pairs: readonly Pair[], masks: MaskedPhotos): string[] {
  const files = pairs.flatMap(({ files: [known, probe] }) => (masks === 'both' ? [known, probe] : [probe]));
  return [...new Set(files)].sort();
}

/** One of unmasked pairs, one with masked probes, and where both were asked for one of those. */
export function maskFigures(
  pairs: readonly Pair[],
  known: Embeddings,
  masked: ReadonlyMap<string, KnownFace>,
  { masks, rule, unmasked, seed }: { masks: MaskedPhotos; rule: ThresholdRule; unmasked: Decisions; seed: number },
): MaskFigures[] {
  const row = (photos: MaskFigures['photos'], enrolled: Embeddings, probes: Embeddings): MaskFigures => {
    const scored = scorePairs(pairs, enrolled, probes);
    const files = photos === 'masked-unmasked' ? maskedFiles(pairs, 'probe') : maskedFiles(pairs, 'both');
    return {
      photos,
      ...pairFigures(scored, chooseThresholds(scored, rule), { seed }),
      accuracyAtUnmasked: accuracyOf(scored, unmasked),
      missed: files.filter((file) => !probes.has(file)).length,
      of: files.length,
      distances: distanceHistogram(scored),
    };
  };
  return [
    row('unmasked-unmasked', known, known),
    row('masked-unmasked', known, masked),
    ...(masks === 'both' ? [row('masked-masked', masked, masked)] : []),
  ];
}

export const MASK_HEADINGS = [
  'Photos',
  'Accuracy',
  '95 %',
  'At the thresholds of unmasked',
  `TAR at FAR ${FAR[0]}`,
  'AUC',
  'EER',
  'Without a face',
];

export const maskRow = (figures: MaskFigures): string[] => [
  figures.photos,
  share(figures.accuracy),
  between(figures.intervals.accuracy),
  share(figures.accuracyAtUnmasked),
  share(figures.tarAtFar[String(FAR[0])]),
  share(figures.auc),
  share(figures.eer),
  `${figures.missed} of ${figures.of}`,
];
