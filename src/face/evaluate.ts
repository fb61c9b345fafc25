import { type Random, stream } from '../tensor/random';
import { unitEmbedding } from './embed';
import {
  auc,
  bestThreshold,
  bootstrap,
  bothKinds,
  confusions,
  eer,
  foldNumbers,
  type Interval,
  kFoldTarAtFar,
  mean,
  openSet,
  type RocPoint,
  rankAccuracy,
  rankOf,
  roc,
  standardError,
  tarAtFar,
} from './metrics';
import type { Pair } from './protocols';
import { euclideanDistance } from './verify';

/*
 * Figures from embeddings. A photo without a face counts as an error and not as absent: accuracy has a pair with one
 * wrong at every threshold, and a probe without one is nobody's. Curves and what is read off them have such a pair
 * refused at every threshold, as NIST has it: a miss where it is of one person, and no false accept where it is of two. A
 * few photos without a face among the different pairs would else hide what all the others say at low rates.
 */

export type Embeddings = ReadonlyMap<string, { embedding: ArrayLike<number> }>;

/** Pairs and their squared distances; Infinity and -Infinity where a photo shows no face, see metrics.ts. */
export interface ScoredPairs {
  pairs: readonly Pair[];
  squared: number[];
  same: boolean[];
  folds: number[];
}

/** @param probes the photos that pairs name second, where they are not as the others are: under a condition */
export function scorePairs(pairs: readonly Pair[], embeddings: Embeddings, probes = embeddings): ScoredPairs {
  const squared = pairs.map(({ files: [a, b], same }) => {
    const [x, y] = [embeddings.get(a), probes.get(b)];
    if (!x || !y) return same ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    return euclideanDistance(x.embedding, y.embedding) ** 2;
  });
  return { pairs, squared, same: pairs.map(({ same }) => same), folds: pairs.map(({ fold }) => fold) };
}

/** Distances for curves: of a pair with a photo that shows no face Infinity, whatever its kind. */
export const forCurves = (squared: readonly number[]): number[] =>
  squared.map((distance) => (distance === Number.NEGATIVE_INFINITY ? Number.POSITIVE_INFINITY : distance));

/**
 * Where thresholds come from: for each fold the best of the others (View 2), for all the best of the first fold, which is
 * then not scored (View 1), or one that is given, a distance.
 */
export type ThresholdRule = 'other-folds' | 'first-fold' | { threshold: number };

/** Decides every pair. */
export interface Decisions {
  /** Squared distance, of each fold. */
  thresholds: ReadonlyMap<number, number>;
  /** The folds that figures are of. */
  scored: number[];
}

/** @throws Error where the other folds are asked for and there are none */
export function chooseThresholds({ squared, same, folds }: ScoredPairs, rule: ThresholdRule): Decisions {
  const numbers = foldNumbers(folds);
  const best = (wanted: (fold: number) => boolean) => {
    const chosen = same.map((_, k) => k).filter((k) => wanted(folds[k]));
    return bestThreshold(
      chosen.map((k) => squared[k]),
      chosen.map((k) => same[k]),
    );
  };
  if (typeof rule === 'object')
    return { thresholds: new Map(numbers.map((fold) => [fold, rule.threshold ** 2])), scored: numbers };
  if (numbers.length < 2)
    throw new Error(
      "there is only one fold, and no other to take a threshold from; ask for the model's own (--own-threshold)",
    );
  if (rule === 'first-fold') {
    const threshold = best((fold) => fold === numbers[0]);
    return { thresholds: new Map(numbers.map((fold) => [fold, threshold])), scored: numbers.slice(1) };
  }
  return { thresholds: new Map(numbers.map((fold) => [fold, best((other) => other !== fold)])), scored: numbers };
}

export interface PairFigures {
  pairs: number;
  /** Mean of the folds. */
  accuracy: number;
  /** Of that mean; NaN of a single fold. */
  standardError: number;
  folds: number[];
  /** Distances, of each fold. */
  thresholds: number[];
  /** By the rate, mean over the folds at thresholds of the others. */
  tarAtFar: Record<string, number>;
  auc: number;
  eer: number;
  /** 95 %, by bootstrap over pairs. */
  intervals: { accuracy: Interval; tarAtFar: Record<string, Interval>; auc: Interval; eer: Interval };
}

/** Rates of false accepts that true ones are told at. */
export const FAR = [0.01, 0.001];

/** @param options.samples of each bootstrap, 500 by default */
export function pairFigures(
  scored: ScoredPairs,
  decisions: Decisions,
  { seed, samples = 500 }: { seed: number; samples?: number },
): PairFigures {
  const chosen = onlyFolds(scored, decisions.scored);
  const right = rightOf(chosen, decisions);
  const accuracies = foldAccuracies(chosen, decisions);
  // Nearest first, so that what the bootstrap draws is sorted by its places.
  const distances = forCurves(chosen.squared);
  const order = distances.map((_, k) => k).sort((a, b) => (distances[a] < distances[b] ? -1 : 1));
  const [squared, same] = [order.map((k) => distances[k]), order.map((k) => chosen.same[k])];
  const curve = roc(squared, same);
  const tar = (rate: number) =>
    decisions.scored.length > 1
      ? kFoldTarAtFar(distances, chosen.same, chosen.folds, rate)
      : tarAtFar(squared, same, rate);
  let drawn = 0;
  const interval = (statistic: (some: number[], kinds: boolean[]) => number): Interval =>
    bootstrap(
      order.length,
      (places) => {
        places.sort();
        const kinds = Array.from(places, (k) => same[k]);
        if (kinds.every(Boolean) || !kinds.some(Boolean)) return Number.NaN;
        return statistic(
          Array.from(places, (k) => squared[k]),
          kinds,
        );
      },
      { random: stream(seed, drawn++), samples },
    );
  return {
    pairs: order.length,
    accuracy: mean(accuracies),
    standardError: standardError(accuracies),
    folds: accuracies,
    thresholds: decisions.scored.map((fold) => Math.sqrt(decisions.thresholds.get(fold) ?? Number.NaN)),
    tarAtFar: Object.fromEntries(FAR.map((rate) => [String(rate), tar(rate)])),
    auc: auc(curve),
    eer: eer(curve),
    intervals: {
      accuracy: accuracyInterval(right, stream(seed, drawn++), samples),
      tarAtFar: Object.fromEntries(
        FAR.map((rate) => [String(rate), interval((some, kinds) => tarAtFar(some, kinds, rate))]),
      ),
      auc: interval((some, kinds) => auc(roc(some, kinds))),
      eer: interval((some, kinds) => eer(roc(some, kinds))),
    },
  };
}

const accuracyInterval = (right: readonly boolean[], random: Random, samples: number): Interval =>
  bootstrap(right.length, (places) => mean(Array.from(places, (k) => Number(right[k]))), { random, samples });

export function onlyFolds(scored: ScoredPairs, wanted: readonly number[]): ScoredPairs {
  const places = scored.folds.map((_, k) => k).filter((k) => wanted.includes(scored.folds[k]));
  return {
    pairs: places.map((k) => scored.pairs[k]),
    squared: places.map((k) => scored.squared[k]),
    same: places.map((k) => scored.same[k]),
    folds: places.map((k) => scored.folds[k]),
  };
}

/** Whether each pair is decided rightly. */
export const rightOf = ({ squared, same, folds }: ScoredPairs, { thresholds }: Decisions): boolean[] =>
  squared.map((distance, k) => distance <= (thresholds.get(folds[k]) ?? Number.NaN) === same[k]);

/** The curve of the scored pairs, over distances. */
export const rocOf = (scored: ScoredPairs, decisions: Decisions): RocPoint[] => {
  const { squared, same } = onlyFolds(scored, decisions.scored);
  return roc(forCurves(squared), same);
};

/** The error rate of what is left when the pairs of the least quality are rejected. */
export interface RejectionPoint {
  /** The share of pairs that are rejected. */
  rejected: number;
  /** The share of the others that are decided wrongly. */
  error: number;
}

const REJECTED = [0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5];

/**
 * Error against quality (Grother and Tabassi 2007): a quality that says anything makes it fall. A pair is as good as the
 * worse of its faces; where a photo shows none it goes first. Of equal ones the first named goes first.
 */
export function rejectionCurve(
  scored: ScoredPairs,
  decisions: Decisions,
  qualities: ReadonlyMap<string, { quality: number }>,
): RejectionPoint[] {
  const chosen = onlyFolds(scored, decisions.scored);
  const qualityOf = (file: string) => qualities.get(file)?.quality ?? Number.NEGATIVE_INFINITY;
  const pairs = rightOf(chosen, decisions)
    .map((right, k) => ({ right, quality: Math.min(...chosen.pairs[k].files.map(qualityOf)) }))
    .sort((a, b) => (a.quality < b.quality ? -1 : a.quality > b.quality ? 1 : 0));
  return REJECTED.map((rejected) => {
    const left = pairs.slice(Math.round(rejected * pairs.length));
    return { rejected, error: mean(left.map(({ right }) => Number(!right))) };
  });
}

export interface GroupFigures {
  group: string;
  pairs: number;
  accuracy: number;
  interval: Interval;
  /** Share of the different pairs that are taken for one person; nothing where there are none. */
  falseMatchRate: number | undefined;
  /** Share of the same pairs that are not; nothing where there are none. */
  falseNonMatchRate: number | undefined;
}

/**
 * Figures of the pairs of each group, the worst group first. A pair of two groups is of "one + other", in the order of
 * the alphabet; a photo without a label is of "unlabelled".
 */
export function groupFigures(
  scored: ScoredPairs,
  decisions: Decisions,
  labelOf: (file: string) => string | undefined,
  { seed, samples = 500 }: { seed: number; samples?: number },
): GroupFigures[] {
  const chosen = onlyFolds(scored, decisions.scored);
  const right = rightOf(chosen, decisions);
  const groups = new Map<string, number[]>();
  for (const [k, { files }] of chosen.pairs.entries()) {
    const labels = files.map((file) => labelOf(file) ?? 'unlabelled').sort();
    const group = labels[0] === labels[1] ? labels[0] : labels.join(' + ');
    groups.set(group, [...(groups.get(group) ?? []), k]);
  }
  const figures = [...groups].map(([group, places], index): GroupFigures => {
    const wrong = (same: boolean) => {
      const kind = places.filter((k) => chosen.same[k] === same);
      return kind.length === 0 ? undefined : kind.filter((k) => !right[k]).length / kind.length;
    };
    const own = places.map((k) => right[k]);
    return {
      group,
      pairs: places.length,
      accuracy: mean(own.map(Number)),
      interval: accuracyInterval(own, stream(seed, 100 + index), samples),
      falseMatchRate: wrong(false),
      falseNonMatchRate: wrong(true),
    };
  });
  return figures.sort((a, b) => a.accuracy - b.accuracy);
}

export interface Mistaken {
  pair: Pair;
  /** Nothing where a photo shows no face. */
  distance: number | undefined;
  threshold: number;
}

/** The pairs that are decided wrongly, those the farthest from their threshold first, those without a face last. */
export function worstMistakes(scored: ScoredPairs, decisions: Decisions): Mistaken[] {
  const chosen = onlyFolds(scored, decisions.scored);
  const wrong = rightOf(chosen, decisions).flatMap((isRight, k) => (isRight ? [] : [k]));
  const mistakes = wrong.map((k): Mistaken => {
    const distance = chosen.squared[k];
    return {
      pair: chosen.pairs[k],
      distance: Number.isFinite(distance) ? Math.sqrt(distance) : undefined,
      threshold: Math.sqrt(decisions.thresholds.get(chosen.folds[k]) ?? Number.NaN),
    };
  });
  const excess = ({ distance, threshold }: Mistaken) => (distance === undefined ? -1 : Math.abs(distance - threshold));
  return mistakes.sort((a, b) => excess(b) - excess(a));
}

/** Share of rightly decided pairs of each scored fold. */
function foldAccuracies(scored: ScoredPairs, decisions: Decisions): number[] {
  const right = rightOf(scored, decisions);
  return decisions.scored.map((fold) => mean(right.filter((_, k) => scored.folds[k] === fold).map(Number)));
}

/** Share of rightly decided pairs at thresholds that were chosen before; mean of the folds. */
export const accuracyOf = (scored: ScoredPairs, decisions: Decisions): number =>
  mean(foldAccuracies(scored, decisions));

/** Distances of pairs that both have a face, for calibrate(). */
export function distancesOf({ squared, same }: ScoredPairs) {
  const [own, others] = bothKinds(squared, same, (k) => Number.isFinite(squared[k]));
  return { same: own.map(Math.sqrt), different: others.map(Math.sqrt) };
}

export interface Enrolled {
  name: string;
  files: readonly string[];
}

export interface IdentificationFigures {
  people: number;
  probes: number;
  rank1: number;
  rank5: number;
  intervals: { rank1: Interval; rank5: Interval };
  confusion: { actual: string; answer: string; count: number }[];
  /** Half of the people, drawn by the seed, are known, and the others strangers; by the rate of false alarms. */
  openSet: { people: number; known: number; strangers: number; dirAtFar: Record<string, number> };
}

/** Rates of strangers that are taken for somebody. */
const ALARMS = [0.1, 0.01];

/**
 * One to many: the first photos of each person are enrolled, their embeddings averaged; the others are probes.
 *
 * @param options.enrolled how many photos of each person are enrolled
 * @param options.lookedUp of the probes, where they are not as the enrolled photos are: with a mask, say
 * @throws Error when nobody has more photos than are enrolled
 */
export function identificationFigures(
  people: readonly Enrolled[],
  embeddings: Embeddings,
  {
    enrolled,
    seed,
    samples = 500,
    lookedUp = embeddings,
  }: { enrolled: number; seed: number; samples?: number; lookedUp?: Embeddings },
): IdentificationFigures {
  const gallery = people.map(({ files }) => averageOf(files.slice(0, enrolled), embeddings));
  const probes = people.flatMap(({ files }, owner) =>
    files.slice(enrolled).map((file) => {
      const own = lookedUp.get(file)?.embedding;
      const distances = gallery.map((one) => (own && one ? euclideanDistance(own, one) : Number.POSITIVE_INFINITY));
      return { owner, distances };
    }),
  );
  if (probes.length === 0)
    throw new Error(`nobody has more than the ${enrolled} photos that are enrolled; there is nothing to look up`);
  const ranks = probes.map(({ distances, owner }) => rankOf(distances, owner));
  const answers = probes.map(({ distances }) => {
    const nearest = nearestOf(distances, () => true);
    return Number.isFinite(distances[nearest]) ? people[nearest].name : '(no face)';
  });
  const interval = (k: number) =>
    bootstrap(
      ranks.length,
      (places) =>
        rankAccuracy(
          Array.from(places, (place) => ranks[place]),
          k,
        ),
      {
        random: stream(seed, k),
        samples,
      },
    );

  const isKnown = halfOf(people.length, stream(seed));
  const best = ({ distances, owner }: (typeof probes)[number]) => {
    const nearest = nearestOf(distances, (k) => isKnown[k]);
    return { distance: distances[nearest] ?? Number.POSITIVE_INFINITY, right: nearest === owner };
  };
  const known = probes.filter(({ owner }) => isKnown[owner]).map(best);
  const strangers = probes.filter(({ owner }) => !isKnown[owner]).map((probe) => best(probe).distance);
  const dir = (far: number) => (strangers.length === 0 ? Number.NaN : openSet(known, strangers, far).dir);
  return {
    people: people.length,
    probes: probes.length,
    rank1: rankAccuracy(ranks, 1),
    rank5: rankAccuracy(ranks, 5),
    intervals: { rank1: interval(1), rank5: interval(5) },
    confusion: confusions(
      probes.map(({ owner }) => people[owner].name),
      answers,
    ),
    openSet: {
      people: isKnown.filter(Boolean).length,
      known: known.length,
      strangers: strangers.length,
      dirAtFar: Object.fromEntries(ALARMS.map((far) => [String(far), dir(far)])),
    },
  };
}

function averageOf(files: readonly string[], embeddings: Embeddings): Float32Array | undefined {
  const found: ArrayLike<number>[] = [];
  for (const file of files) {
    const known = embeddings.get(file);
    if (known) found.push(known.embedding);
  }
  return found.length === 0 ? undefined : unitEmbedding(found).embedding;
}

/** The place of the smallest of those wanted; -1 of none. */
function nearestOf(distances: readonly number[], wanted: (k: number) => boolean): number {
  let nearest = -1;
  for (const [k, distance] of distances.entries())
    if (wanted(k) && (nearest < 0 || distance < distances[nearest])) nearest = k;
  return nearest;
}

/** Half of so many, drawn without replacement. */
function halfOf(count: number, random: Random): boolean[] {
  const order = Array.from({ length: count }, (_, k) => k);
  for (let k = count - 1; k > 0; k--) {
    const other = random.below(k + 1);
    [order[k], order[other]] = [order[other], order[k]];
  }
  const known = new Set(order.slice(0, Math.ceil(count / 2)));
  return order.map((_, k) => known.has(k));
}
