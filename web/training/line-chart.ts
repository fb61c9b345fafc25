const SVG = 'http://www.w3.org/2000/svg';
const SIZE = { width: 360, height: 220, left: 52, right: 12, top: 10, bottom: 34 };
/** More points than a chart has pixels are drawn as means of some. */
const MOST_POINTS = 300;

export interface Series {
  /** For CSS: training-plain or training-residual. */
  className: string;
  /** In the order of x. What cannot be drawn, such as 0 on a logarithmic scale, is left out. */
  points: readonly (readonly [x: number, y: number])[];
  /** 0 to 1; default 1. */
  opacity?: number;
}

export interface ChartOptions {
  title: string;
  /** Under the axis. */
  x: string;
  isLogarithmic?: boolean;
  /** x counts steps (the default), with ticks at whole numbers only, or is any number, or is shown by its logarithm. */
  across?: 'steps' | 'numbers' | 'logarithmic';
  /** At least so high. */
  highest?: number;
  /** x is a count of things, with a tick for each (or each second, fifth ...). */
  hasDots?: boolean;
}

/** A chart of lines that is drawn again and again, as a figure with its title; the numbers belong into a table beside it. */
export class LineChart {
  readonly element = document.createElement('figure');
  readonly #options: ChartOptions;
  readonly #svg = document.createElementNS(SVG, 'svg');

  constructor(options: ChartOptions) {
    this.#options = options;
    this.element.className = 'training-chart';
    const caption = document.createElement('figcaption');
    caption.textContent = options.title;
    this.#svg.setAttribute('viewBox', `0 0 ${SIZE.width} ${SIZE.height}`);
    this.#svg.setAttribute('role', 'img');
    this.element.append(caption, this.#svg);
    this.draw([], 'nothing yet');
  }

  /** @param summary what the chart shows, in words, for who does not see it */
  draw(series: readonly Series[], summary: string): void {
    const { title, x, isLogarithmic = false, across = 'steps', highest = 0, hasDots = false } = this.#options;
    const isLogarithmicAcross = across === 'logarithmic';
    this.#svg.setAttribute('aria-label', `${title}: ${summary}`);
    const drawable = series.map(({ points, ...rest }) => ({
      ...rest,
      points: thinned(
        points.filter(
          ([value, y]) => Number.isFinite(y) && (!isLogarithmic || y > 0) && (!isLogarithmicAcross || value > 0),
        ),
      ),
    }));
    const all = drawable.flatMap(({ points }) => points);
    const values = all.map(([value]) => value);
    const spread = isLogarithmicAcross ? logarithmicRange(values) : extent(values, [0, 1]);
    const horizontal = scaleOf(spread, SIZE.left, SIZE.width - SIZE.right);
    const placeAcross = (value: number) => horizontal(isLogarithmicAcross ? Math.log10(value) : value);
    const range = isLogarithmic
      ? logarithmicRange(all.map(([, y]) => y))
      : ([0, 1.05 * extent([0, highest, ...all.map(([, y]) => y)], [0, 1])[1]] as const);
    const up = scaleOf(range, SIZE.height - SIZE.bottom, SIZE.top);
    const place = (y: number) => up(isLogarithmic ? Math.log10(y) : y);

    const parts: Element[] = [];
    for (const tick of isLogarithmic ? decades(range) : ticks(range, 5)) {
      const [level, name] = [up(tick), isLogarithmic ? powerOfTen(tick) : shortNumber(tick)];
      parts.push(line(SIZE.left, level, SIZE.width - SIZE.right, level));
      parts.push(text(SIZE.left - 6, level + 4, name, 'end'));
    }
    const ticksAcross = isLogarithmicAcross
      ? decades(spread)
      : ticks(spread, 6).filter((tick) => across === 'numbers' || Number.isInteger(tick));
    for (const tick of ticksAcross) {
      const name = isLogarithmicAcross ? powerOfTen(tick) : shortNumber(tick);
      parts.push(text(horizontal(tick), SIZE.height - SIZE.bottom + 16, name, 'middle'));
    }
    parts.push(text((SIZE.left + SIZE.width - SIZE.right) / 2, SIZE.height - 4, x, 'middle'));
    for (const { className, points, opacity = 1 } of drawable) {
      const places = points.map(([value, y]) => [placeAcross(value), place(y)].map((at) => at.toFixed(1)));
      const drawn = element('polyline', { points: places.map((at) => at.join(',')).join(' '), class: className });
      drawn.setAttribute('opacity', String(opacity));
      parts.push(drawn);
      if (hasDots || places.length === 1)
        for (const [cx, cy] of places)
          parts.push(element('circle', { cx, cy, r: '2.5', class: className, opacity: String(opacity) }));
    }
    this.#svg.replaceChildren(...parts);
  }
}

function element(name: string, attributes: Record<string, string>): Element {
  const made = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  return made;
}

const line = (x1: number, y1: number, x2: number, y2: number) =>
  element('line', { x1: String(x1), y1: y1.toFixed(1), x2: String(x2), y2: y2.toFixed(1) });

function text(x: number, y: number, content: string, anchor: string): Element {
  const made = element('text', { x: x.toFixed(1), y: y.toFixed(1), 'text-anchor': anchor });
  made.textContent = content;
  return made;
}

function extent(values: readonly number[], otherwise: readonly [number, number]): readonly [number, number] {
  if (values.length === 0) return otherwise;
  const lowest = values.reduce((a, b) => Math.min(a, b));
  const largest = values.reduce((a, b) => Math.max(a, b));
  return [lowest, largest > lowest ? largest : lowest + 1];
}

/** Whole powers of ten below and above, as exponents. */
function logarithmicRange(values: readonly number[]): readonly [number, number] {
  const [lowest, largest] = extent(values, [0.1, 1]);
  const [first, last] = [Math.floor(Math.log10(lowest)), Math.ceil(Math.log10(largest))];
  return [first, Math.max(first + 1, last)];
}

const scaleOf =
  ([from, to]: readonly [number, number], start: number, end: number) =>
  (value: number): number =>
    start + ((value - from) / (to - from)) * (end - start);

/** Round numbers from one end to the other: 1, 2 or 5 times a power of ten apart. */
function ticks([from, to]: readonly [number, number], count: number): number[] {
  const rough = (to - from) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(from / step - 1e-9);
  return Array.from({ length: Math.floor(to / step + 1e-9) - first + 1 }, (_, k) => (first + k) * step);
}

const decades = (range: readonly [number, number]): number[] => {
  const every = Math.max(1, Math.ceil((range[1] - range[0]) / 6));
  return ticks(range, range[1] - range[0]).filter((exponent) => Number.isInteger(exponent) && exponent % every === 0);
};

const shortNumber = (value: number): string => String(Number(value.toPrecision(3)));
const powerOfTen = (exponent: number): string =>
  Math.abs(exponent) <= 2 ? shortNumber(10 ** exponent) : `1e${exponent}`;

function thinned(points: Series['points']): Series['points'] {
  const each = Math.ceil(points.length / MOST_POINTS);
  if (each <= 1) return points;
  return Array.from({ length: Math.ceil(points.length / each) }, (_, k) => {
    const some = points.slice(k * each, (k + 1) * each);
    const mean = (axis: 0 | 1) => some.reduce((sum, point) => sum + point[axis], 0) / some.length;
    return [mean(0), mean(1)] as const;
  });
}
