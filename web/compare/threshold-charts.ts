import { acceptedAt, type DistanceHistogram, pairsIn, rocOfHistogram } from '../../src/face/distance-histogram';
import { auc } from '../../src/face/metrics';
import { choice, facts, html, inPercent } from '../dom';
import { LineChart, type Series } from '../training/line-chart';
import recorded from './lfw-distances.json';

/** Bins that are drawn as one bar. */
const BINS_A_BAR = 5;
/** Where the slider ends. */
export const LARGEST_THRESHOLD = 1;

const NAMES: Record<string, string> = {
  'unmasked-unmasked': 'as they are',
  'masked-unmasked': 'one of the two with a mask',
  'masked-masked': 'both with masks',
};

interface Pairs {
  photos: string;
  distances: DistanceHistogram;
}

/** What a threshold does to pairs of photos. */
export interface Rates {
  accepted: { same: number; different: number };
  all: { same: number; different: number };
  /** Shares, 0 to 1. */
  same: number;
  different: number;
  /** The share of all pairs that is decided rightly. */
  right: number;
}

export function ratesAt(distances: DistanceHistogram, threshold: number): Rates {
  const [accepted, all] = [acceptedAt(distances, threshold), pairsIn(distances)];
  return {
    accepted,
    all,
    same: accepted.same / all.same,
    different: accepted.different / all.different,
    right: (accepted.same + all.different - accepted.different) / (all.same + all.different),
  };
}

/** How many pairs a sentence is about: "none", "one in 200", "61 %". */
export function inWords(share: number): string {
  if (share === 0) return 'none';
  return share > 0.3 ? inPercent(share, 0) : `one in ${Math.round(1 / share).toLocaleString('en')}`;
}

/** The outline of a histogram's bars, from the axis back to it: shares of all pairs of a kind. */
function outline(width: number, counts: readonly number[], all: number): [x: number, y: number][] {
  const points: [number, number][] = [[0, 0]];
  for (let from = 0; from * width < LARGEST_THRESHOLD; from += BINS_A_BAR) {
    const share = counts.slice(from, from + BINS_A_BAR).reduce((sum, count) => sum + count, 0) / all;
    points.push([from * width, share], [(from + BINS_A_BAR) * width, share]);
  }
  points.push([LARGEST_THRESHOLD, 0]);
  return points;
}

/** The curves that the threshold moves along, measured on real photos: how far pairs lie apart, and what is let in. */
export class ThresholdCharts {
  readonly element: HTMLElement;
  readonly #histogram = new LineChart({
    title: 'How far apart: share of the pairs',
    x: 'Distance',
    across: 'numbers',
  });
  readonly #curve = new LineChart({
    title: 'ROC: share of one person’s pairs accepted',
    x: 'Share of strangers’ pairs accepted',
    across: 'logarithmic',
    highest: 0.95,
  });
  readonly #told = html('div', { id: 'threshold-facts' });
  readonly #pairs: readonly Pairs[] = recorded.pairs;
  readonly #choice = choice(
    'Photos',
    this.#pairs.map(({ photos }) => photos),
    () => this.show(this.#threshold),
    (photos) => NAMES[photos] ?? photos,
  );
  #threshold = 0;

  constructor() {
    this.#histogram.element.classList.add('compare-filled');
    const legend = [
      ['compare-same', 'pairs of one person'],
      ['compare-different', 'pairs of strangers'],
      ['compare-threshold', 'the threshold'],
      ['compare-others', 'the other choices of photos'],
    ].map(([name, label]) => html('span', { class: name }, label));
    this.element = html(
      'div',
      { class: 'compare-charts' },
      html('h3', {}, 'The same threshold on real photos'),
      html(
        'p',
        { class: 'quiet' },
        `Measured on the 3,200 pairs of ${recorded.protocol}; what is kept are counts of distances. Masks are drawn.`,
      ),
      html('div', { class: 'controls' }, this.#choice.element, html('div', { class: 'compare-legend' }, ...legend)),
      html('div', { class: 'compare-pair' }, this.#histogram.element, this.#curve.element),
      this.#told,
    );
  }

  show(threshold: number): void {
    this.#threshold = threshold;
    const chosen = this.#choice.value();
    const { distances } = this.#pairs.find(({ photos }) => photos === chosen) ?? this.#pairs[0];
    const rates = ratesAt(distances, threshold);
    this.#drawHistogram(distances, threshold, rates);
    this.#drawCurves(chosen, rates);
    const count = (kind: 'same' | 'different') =>
      `${inPercent(rates[kind], 2)}, ${Math.round(rates.accepted[kind])} of ${rates.all[kind]}`;
    this.#told.replaceChildren(
      facts({
        'Pairs of one person accepted': count('same'),
        'Pairs of strangers accepted': count('different'),
        'Decided rightly': inPercent(rates.right, 2),
      }),
      html(
        'p',
        {},
        `Of pairs of strangers, ${inWords(rates.different)} ${rates.different > 0.3 ? 'are' : 'is'} taken for one person; ` +
          `of pairs of one person, ${inWords(1 - rates.same)} ${1 - rates.same > 0.3 ? 'are' : 'is'} not recognised.`,
      ),
    );
  }

  #drawHistogram({ width, same, different }: DistanceHistogram, threshold: number, { all }: Rates): void {
    const outlines = [outline(width, different, all.different), outline(width, same, all.same)];
    const highest = Math.max(...outlines.flat().map(([, y]) => y));
    const series: Series[] = [
      { className: 'compare-different', points: outlines[0] },
      { className: 'compare-same', points: outlines[1] },
      {
        className: 'compare-threshold',
        points: [
          [threshold, 0],
          [threshold, highest],
        ],
      },
    ];
    const means = [same, different].map(
      (counts) => counts.reduce((sum, count, k) => sum + count * (k + 0.5) * width, 0) / counts.reduce((a, b) => a + b),
    );
    const [near, far] = means.map((mean) => mean.toFixed(2));
    this.#histogram.draw(
      series,
      `pairs of one person are ${near} apart on average, pairs of strangers ${far}; the threshold is ${threshold.toFixed(3)}`,
    );
  }

  #drawCurves(chosen: string, rates: Rates): void {
    // A share of none has no logarithm: its mark stands where one pair would.
    const across = Math.max(rates.different, 1 / rates.all.different);
    const curves = this.#pairs.map(({ photos, distances }) => ({
      photos,
      points: rocOfHistogram(distances).map(({ far, tar }) => [far, tar] as const),
      area: auc(rocOfHistogram(distances)),
    }));
    const area = curves.find(({ photos }) => photos === chosen)?.area ?? 0;
    this.#curve.draw(
      [
        ...curves.map(({ photos, points }) => ({
          className: photos === chosen ? 'compare-same' : 'compare-others',
          points,
        })),
        { className: 'compare-threshold', points: [[across, rates.same]] },
      ],
      `area ${area.toFixed(4)}; the threshold accepts ${inPercent(rates.same)} of one person’s pairs and ` +
        `${inPercent(rates.different)} of strangers’`,
    );
  }
}
