import { arrival, type DepthRun, finalLoss } from '../../src/nn/depth-study';
import { make } from './elements';
import { LineChart, type Series } from './line-chart';
import { legend } from './live-section';
import type { Reply } from './messages';

/** Plain against residual networks at growing depth, each trained for a moment: what `likeness study gradients` draws. */
export class DepthsSection {
  readonly element = make('section', { className: 'training-depths' });
  /** For the button that starts it. */
  readonly controls = make('div', { className: 'training-row' });
  readonly #progress = make('progress', { max: 1, value: 0 });
  readonly #scaling = make('p', {}, '');
  readonly #states = new LineChart({
    title: 'Share of the gradient that arrives at each block, before the first step',
    x: 'Block; 0 is what the first one is given',
    isLogarithmic: true,
  });
  readonly #losses = new LineChart({ title: 'Loss', x: 'Step' });
  readonly #table = make('tbody');
  #depths: readonly number[] = [];
  #runs: DepthRun[] = [];

  constructor() {
    const headings = [
      'Blocks',
      'Network',
      'Arrives at block 0',
      "Norm of the first layer's gradient",
      'Loss at the end',
    ];
    this.#progress.ariaLabel = 'How much is trained';
    this.element.ariaLabel = 'Growing depth';
    this.element.append(
      make('h3', {}, 'Plain against residual at growing depth'),
      make(
        'p',
        {},
        'Does the gradient shrink on its way back through a deep network without skips? It depends on what keeps the ' +
          'signals at size: try all three, and look at the scale. Stronger lines are deeper networks.',
      ),
      this.controls,
      this.#progress,
      this.#scaling,
      legend(),
      make('div', { className: 'training-charts' }, this.#states.element, this.#losses.element),
      make(
        'table',
        {},
        make('thead', {}, make('tr', {}, ...headings.map((name) => make('th', { scope: 'col' }, name)))),
        this.#table,
      ),
    );
  }

  clear(depths: readonly number[], scaling: string): void {
    this.#depths = depths;
    this.#runs = [];
    this.#scaling.textContent = `Signals kept at size by: ${scaling}.`;
    this.#progress.value = 0;
    this.#draw();
  }

  hear(reply: Extract<Reply, { type: 'depth-step' | 'depth-run' }>): void {
    if (reply.type === 'depth-step') {
      this.#progress.value = reply.step / reply.steps;
      return;
    }
    this.#runs.push(reply.network);
    this.#draw();
  }

  #draw(): void {
    const seriesOf = (pointsOf: (run: DepthRun) => Series['points']) =>
      this.#runs.map(
        (run): Series => ({
          className: run.plain ? 'training-plain' : 'training-residual',
          points: pointsOf(run),
          opacity: 0.25 + (0.75 * (this.#depths.indexOf(run.blocks) + 1)) / this.#depths.length,
        }),
      );
    const summary = this.#runs
      .map((run) => `${run.blocks} blocks, ${kindOf(run)}: ${arrival(run.start).toPrecision(2)}`)
      .join('; ');
    this.#states.draw(
      seriesOf(({ start: { states }, blocks }) => states.map((norm, block) => [block, norm / states[blocks]] as const)),
      summary || 'nothing yet',
    );
    this.#losses.draw(
      seriesOf(({ losses }) => losses.map((loss, step) => [step + 1, loss] as const)),
      this.#runs.map((run) => `${run.blocks} blocks, ${kindOf(run)}: ${lossOf(run)}`).join('; ') || 'nothing yet',
    );
    this.#table.replaceChildren(
      ...this.#runs.map((run) =>
        make(
          'tr',
          {},
          ...[
            String(run.blocks),
            kindOf(run),
            arrival(run.start).toPrecision(2),
            run.start.filters[0].toPrecision(2),
            lossOf(run),
          ].map((cell) => make('td', {}, cell)),
        ),
      ),
    );
  }
}

const kindOf = ({ plain }: DepthRun) => (plain ? 'plain' : 'residual');
const lossOf = (run: DepthRun) =>
  run.failedAt === undefined ? finalLoss(run).toFixed(3) : `no number from step ${run.failedAt} on`;
