import type { DepthStep } from '../../src/nn/depth-training';
import { make } from './elements';
import { LineChart, type Series } from './line-chart';
import type { Reply, Skips } from './messages';
import { drawFilters } from './pictures';

/** Steps whose mean is drawn: single batches jump. */
const SMOOTHED = 10;

type Point = readonly [step: number, mean: number];

/** A network's steps so far. */
interface Course {
  skips: Skips;
  steps: DepthStep[];
  /** Means of the last few steps, by their number. */
  curves: { loss: Point[]; accuracy: Point[] };
  /** The last step whose gradients were measured. */
  looked: DepthStep | undefined;
  filters: HTMLCanvasElement;
}

/** What is seen while one network is trained, or two: curves, gradients, filters, and all numbers to take along. */
export class LiveSection {
  readonly element = make('section', { className: 'training-live' });
  readonly #figures = make('p', { className: 'training-figures' });
  readonly #loss = new LineChart({ title: 'Loss', x: 'Step' });
  readonly #accuracy = new LineChart({ title: 'Accuracy on the batches', x: 'Step', highest: 1 });
  readonly #states = new LineChart({
    title: 'Norm of the gradient at each block',
    x: 'Block; 0 is what the first one is given',
    isLogarithmic: true,
    hasDots: true,
  });
  readonly #layers = new LineChart({
    title: "Norm of the gradient of each layer's filters",
    x: 'Convolution, from the images on',
    isLogarithmic: true,
    hasDots: true,
  });
  readonly #filters = make('div', { className: 'training-filters' });
  readonly #table = make('tbody');
  readonly #save = make('button', { type: 'button', disabled: true }, 'Save all numbers (CSV)');
  #courses: Course[] = [];
  #isAwaitingFrame = false;

  constructor() {
    const headings = ['Network', 'Step', 'Loss', 'Accuracy', 'Gradient at block 0', 'at the last'];
    this.element.ariaLabel = 'The training';
    this.element.append(
      legend(),
      this.#figures,
      make(
        'div',
        { className: 'training-charts' },
        ...[this.#loss, this.#accuracy, this.#states, this.#layers].map(({ element }) => element),
      ),
      this.#filters,
      make(
        'details',
        {},
        make('summary', {}, 'The numbers'),
        make(
          'table',
          {},
          make('thead', {}, make('tr', {}, ...headings.map((name) => make('th', { scope: 'col' }, name)))),
          this.#table,
        ),
        this.#save,
      ),
    );
    this.#save.addEventListener('click', () => this.#saveNumbers());
  }

  /** Nothing is known yet of new networks. */
  clear(skips: readonly Skips[], blocks: number): void {
    this.#courses = skips.map((kind) => {
      const filters = make('canvas', { role: 'img' });
      filters.ariaLabel = `The 16 filters of the first layer, ${kind} network`;
      return { skips: kind, steps: [], curves: { loss: [], accuracy: [] }, looked: undefined, filters };
    });
    this.#filters.replaceChildren(
      ...this.#courses.map(({ skips: kind, filters }) =>
        make('figure', {}, make('figcaption', {}, `First layer's filters, ${kind}, ${blocks} blocks`), filters),
      ),
    );
    this.#draw(); // at once: whoever reads that it is reset finds it so
  }

  hear({ skips, step }: Extract<Reply, { type: 'step' }>): void {
    const course = this.#courses.find((one) => one.skips === skips);
    if (!course) return;
    course.steps.push(step);
    for (const name of ['loss', 'accuracy'] as const) {
      const some = course.steps.slice(-SMOOTHED);
      course.curves[name].push([step.step, some.reduce((sum, one) => sum + one[name], 0) / some.length]);
    }
    if (step.norms) course.looked = step;
    this.#drawSoon();
  }

  showFilters({ skips, filters }: Extract<Reply, { type: 'filters' }>): void {
    const course = this.#courses.find((one) => one.skips === skips);
    if (course) drawFilters(course.filters, filters);
  }

  /** Once a frame, however many steps there were. */
  #drawSoon(): void {
    if (this.#isAwaitingFrame) return;
    this.#isAwaitingFrame = true;
    requestAnimationFrame(() => {
      this.#isAwaitingFrame = false;
      this.#draw();
    });
  }

  #draw(): void {
    const last = this.#courses.flatMap(({ skips, steps }) => steps.slice(-1).map((step) => ({ skips, step })));
    this.#save.disabled = last.length === 0;
    const inWords = last.map(
      ({ skips, step: { step, loss, accuracy } }) =>
        `${skips}: step ${step}, loss ${loss.toFixed(3)}, accuracy ${(100 * accuracy).toFixed(0)} %`,
    );
    this.#figures.textContent = inWords.join(' · ');
    const summary = inWords.join('; ') || 'nothing yet';
    this.#loss.draw(this.#curves('loss'), summary);
    this.#accuracy.draw(this.#curves('accuracy'), summary);
    this.#states.draw(this.#profiles('states'), this.#ends('states'));
    this.#layers.draw(this.#profiles('filters'), this.#ends('filters'));
    this.#table.replaceChildren(
      ...this.#courses.flatMap(({ skips, looked }) => (looked ? [rowOf(skips, looked)] : [])),
    );
  }

  #curves(name: 'loss' | 'accuracy'): Series[] {
    return this.#courses.map(({ skips, curves }) => ({ className: `training-${skips}`, points: curves[name] }));
  }

  #profiles(of: 'states' | 'filters'): Series[] {
    return this.#courses.map(({ skips, looked }) => ({
      className: `training-${skips}`,
      points: (looked?.norms?.[of] ?? []).map((norm, place) => [place, norm] as const),
    }));
  }

  #ends(of: 'states' | 'filters'): string {
    const sentences = this.#courses.flatMap(({ skips, looked }) => {
      const norms = looked?.norms?.[of] ?? [];
      return norms.length === 0
        ? []
        : [`${skips}: ${norms[0].toPrecision(2)} at the first, ${norms[norms.length - 1].toPrecision(2)} at the last`];
    });
    return sentences.join('; ') || 'nothing yet';
  }

  /** A line for each step of each network. The norms of steps that were not measured are left out. */
  #saveNumbers(): void {
    const lines = this.#courses.flatMap(({ skips, steps }) =>
      steps.map(({ step, loss, accuracy, norms }) =>
        [skips, step, loss, accuracy, norms?.states.join(' ') ?? '', norms?.filters.join(' ') ?? ''].join(','),
      ),
    );
    const csv = ['network,step,loss,accuracy,norms at the blocks,norms of the filters', ...lines].join('\n');
    const url = URL.createObjectURL(new Blob([`${csv}\n`], { type: 'text/csv' }));
    make('a', { href: url, download: 'training.csv' }).click();
    URL.revokeObjectURL(url);
  }
}

function rowOf(skips: Skips, { step, loss, accuracy, norms }: DepthStep): HTMLTableRowElement {
  const states = norms?.states ?? [];
  const cells = [step, loss, accuracy, states[0], states[states.length - 1]].map((value) =>
    String(Number(value.toPrecision(4))),
  );
  return make('tr', {}, make('th', { scope: 'row' }, skips), ...cells.map((cell) => make('td', {}, cell)));
}

/** Which colour is which network. */
export const legend = (): HTMLElement =>
  make(
    'p',
    { className: 'training-legend' },
    make('span', { className: 'training-residual' }, 'residual'),
    make('span', { className: 'training-plain' }, 'plain'),
  );
