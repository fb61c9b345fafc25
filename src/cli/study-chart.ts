import * as Plot from '@observablehq/plot';
import { median } from '../bench/measure';
import type { Scaling } from '../nn/depth-network';
import type { GradientNorms } from '../nn/depth-training';
import { svgDocument } from './chart';
import type { Chart } from './files';
import { openPage } from './page';
import { type DepthGroup, type GradientsReport, groupsOf, HEADINGS, rowOf } from './study';

const PANEL = { width: 380, height: 270 };
const COLOURS = { plain: '#e4692c', residual: '#4c78dd' };
const TITLES: Record<Scaling, string> = {
  small: 'Small weights',
  he: "He's weights",
  'batch-norm': 'Batch norm',
};
const TITLE = 'Gradients of plain and residual networks at growing depth';

/** A row for each scaling: the gradient from block to block, that of the first layer by depth, and the losses. */
export function drawGradients(report: GradientsReport): Chart {
  const { document, add, table, html } = openPage(TITLE);
  const groups = groupsOf(report.runs);
  const depths = [...new Set(groups.map(({ blocks }) => blocks))];
  const rows = [...new Set(groups.map(({ scaling }) => scaling))].map((scaling) => {
    const own = groups.filter((group) => group.scaling === scaling);
    const drawing = { document, depths, groups: own, name: TITLES[scaling] };
    return [statesPanel(drawing), filtersPanel(drawing), lossPanel(drawing, report)];
  });
  const placed = rows.flatMap((panels, row) =>
    panels.map((element, column) => ({ element, left: column * PANEL.width, top: row * PANEL.height })),
  );
  const svg = svgDocument(TITLE, { width: 3 * PANEL.width, height: rows.length * PANEL.height }, placed);
  const charts = rows.map((panels) => {
    const line = add('div', ...panels);
    line.setAttribute('class', 'charts');
    return line;
  });
  const { people, images, steps, batch, learningRate, seconds, device } = report;
  document.body.append(
    add('h1', TITLE),
    add('p', 'Fainter lines are shallower networks; medians over the seeds, dots are single ones.'),
    ...charts,
    table(
      HEADINGS,
      groups.map((group) => rowOf(group).map(String)),
    ),
    add(
      'p',
      `${people} drawn people, ${images} images; ${steps} steps of ${batch} images, learning rate ${learningRate}; ` +
        `${seconds.toFixed(0)} s on ${device}.`,
    ),
  );
  return { html: html(), svg };
}

interface Drawing {
  document: Document;
  /** Of the whole study, the shallowest first. */
  depths: readonly number[];
  groups: readonly DepthGroup[];
  name: string;
}

interface Point {
  x: number;
  y: number;
  kind: keyof typeof COLOURS;
  blocks: number;
}

const kindOf = ({ plain }: { plain: boolean }) => (plain ? 'plain' : 'residual');

/** |dX_l| by |dX_D|, for each block of each network, before the first step. */
function statesPanel(drawing: Drawing): Element {
  const points = drawing.groups.flatMap((group): Point[] =>
    Array.from({ length: group.blocks + 1 }, (_, block) => ({
      x: block,
      y: median(group.runs.map(({ start: { states } }) => states[block] / states[group.blocks])),
      kind: kindOf(group),
      blocks: group.blocks,
    })),
  );
  return panel(
    drawing,
    { title: 'gradient at each block, start', x: 'Block', isLog: true, lowest: lowestOf(points) },
    lines(drawing, points, 2),
  );
}

/** The first layer's |dW| by depth: before the first step, and dashed before the last. */
function filtersPanel(drawing: Drawing): Element {
  const single = (normsOf: (run: DepthGroup['runs'][number]) => GradientNorms | undefined): Point[] =>
    drawing.groups.flatMap((group) =>
      group.runs.flatMap((run) => {
        const norms = normsOf(run);
        return norms ? [{ x: group.blocks, y: norms.filters[0], kind: kindOf(group), blocks: group.blocks }] : [];
      }),
    );
  const start = single((run) => run.start);
  const end = single((run) => run.end);
  const line = (points: Point[], options: Plot.LineYOptions) =>
    Plot.lineY(
      points.filter(isDrawable),
      Plot.groupX({ y: 'median' }, { x: 'x', y: 'y', stroke: colourOf, z: 'kind', strokeWidth: 2, ...options }),
    );
  return panel(
    drawing,
    { title: 'first layer, dashed at the end', x: 'Blocks', isLog: true, isDepth: true, lowest: lowestOf(start) },
    [
      line(start, {}),
      line(end, { strokeDasharray: '5,4' }),
      Plot.dot(start.filter(isDrawable), { x: 'x', y: 'y', fill: colourOf, r: 2.5 }),
    ],
  );
}

/** The mean of ten steps at a time, the median over the seeds. A training that failed ends where it did. */
function lossPanel(drawing: Drawing, { steps }: GradientsReport): Element {
  const span = Math.max(1, Math.round(steps / 20));
  const points = drawing.groups.flatMap((group): Point[] =>
    Array.from({ length: Math.ceil(steps / span) }, (_, part): Point[] => {
      const means = group.runs
        .map(({ losses }) => losses.slice(part * span, (part + 1) * span))
        .filter((losses) => losses.length > 0)
        .map((losses) => losses.reduce((sum, loss) => sum + loss, 0) / losses.length);
      if (means.length <= group.runs.length / 2) return [];
      return [{ x: (part + 0.5) * span, y: median(means), kind: kindOf(group), blocks: group.blocks }];
    }).flat(),
  );
  const settled = points.filter(({ y }) => y < 5).map(({ y }) => y);
  return panel(
    drawing,
    { title: 'training loss', x: 'Step', isLog: false, highest: Math.max(...settled, 1e-9) * 1.05 },
    lines(drawing, points, 1.8),
  );
}

const lowestOf = (points: readonly Point[]) => Math.min(...points.filter(isDrawable).map(({ y }) => y));
const isDrawable = ({ y }: Point) => Number.isFinite(y) && y > 0;
const colourOf = ({ kind }: Point) => COLOURS[kind];

/** A line for each network: the deepest strong, shallower ones fainter and thinner. */
const lines = ({ depths }: Drawing, points: readonly Point[], width: number): Plot.Markish[] =>
  depths.map((depth, place) =>
    Plot.lineY(
      points.filter((point) => point.blocks === depth && isDrawable(point)),
      {
        x: 'x',
        y: 'y',
        z: 'kind',
        stroke: colourOf,
        strokeOpacity: 0.3 + (0.7 * (place + 1)) / depths.length,
        strokeWidth: (width * (0.5 + (place + 1) / depths.length)) / 1.5,
      },
    ),
  );

interface Axes {
  title: string;
  x: string;
  isLog: boolean;
  /** Depths double from one to the next. */
  isDepth?: boolean;
  highest?: number;
  lowest?: number;
}

function panel({ document, depths, name }: Drawing, axes: Axes, marks: Plot.Markish[]): Element {
  const { title, x, isLog, isDepth = false, highest = 1, lowest = 1 } = axes;
  const drawn = Plot.plot({
    document,
    ...PANEL,
    marginTop: 48,
    marginRight: 16,
    marginBottom: 44,
    marginLeft: 56,
    style: { fontSize: '12px' },
    x: {
      label: x,
      labelAnchor: 'center',
      labelArrow: 'none',
      labelOffset: 36,
      ...(isDepth ? { type: 'log', base: 2, ticks: [...depths], tickFormat: 'd' } : { ticks: 6 }),
    },
    y: {
      label: null,
      grid: true,
      ticks: 5,
      ...(isLog ? { type: 'log', tickFormat: lowest < 1e-4 ? '.0e' : '~g' } : { domain: [0, highest], clamp: true }),
    },
    marks: [
      ...marks,
      heading(`${name}: ${title}`, { dy: -36 }),
      heading('— plain', { dy: -18, fill: COLOURS.plain }),
      heading('— residual', { dy: -18, dx: 10, fill: COLOURS.residual }),
    ],
  });
  // Its rules are for pages; within an SVG document they would give each panel the size of the whole.
  for (const style of drawn.querySelectorAll('style')) style.remove();
  return drawn;
}

const heading = (text: string, options: Plot.TextOptions) =>
  Plot.text([text], { frameAnchor: 'top-left', dx: -48, fontSize: 13, fontWeight: 'bold', ...options });
