import * as Plot from '@observablehq/plot';
import type { DeviceName } from '../kernels/backend';
import type { CompareReport } from './bench-compare';
import { svgDocument } from './chart';
import { digits } from './output';
import { openPage } from './page';

const WIDTH = 860;
const ROW = 22;
const MARGIN = { top: 46, bottom: 44, left: 260, right: 24 };
const COLOURS: Record<DeviceName, string> = { webgpu: '#4c78dd', wasm: '#e4692c', reference: '#7a8288' };

interface Point {
  label: string;
  device: DeviceName;
  gflops: number;
}

/** A page to read in a browser, which needs no other file, and its charts as one picture. */
export function drawComparison(report: CompareReport): { html: string; svg: string } {
  const { document, add, table, html } = openPage('GPU against CPU');
  const panels = [...new Set(report.tasks.map(({ task }) => task))].map((task) => panel(document, report, task));
  const devices = report.devices.map(({ device, description }) => [device, description]);
  const pairs = [...new Set(report.tasks.flatMap(({ ratios }) => Object.keys(ratios)))];
  const headings = ['Task', 'Batch', ...report.devices.map(({ device }) => `${device}, ms`), ...pairs];
  const rows = report.tasks.map(({ task, title, batch, times, ratios }) => [
    inOneLine(`${task}: ${title}`),
    String(batch),
    ...report.devices.map(({ device }) => {
      const time = times.find((one) => one.device === device);
      return time === undefined || time.milliseconds === null
        ? `left out: ${time?.skipped ?? 'not measured'}`
        : digits(time.milliseconds);
    }),
    ...pairs.map((pair) => (pair in ratios ? `${digits(ratios[pair])} x` : '')),
  ]);
  document.body.append(
    add('h1', 'GPU against CPU'),
    add(
      'p',
      'Floating-point operations a second of the textbook sums, on a logarithmic scale: further right is faster.',
    ),
    ...panels.map(({ element }) => element),
    add('h2', 'Milliseconds for the whole batch, and how many times faster one device is than another'),
    table(headings, rows),
    add('h2', 'The devices'),
    table(['Device', 'What it is'], devices),
    ...(report.withoutGpu === undefined ? [] : [add('p', `Without a GPU: ${report.withoutGpu}.`)]),
  );
  return { html: html(), svg: stacked(panels) };

  function inOneLine(text: string): Element {
    const element = add('span', text);
    element.setAttribute('style', 'white-space: nowrap');
    return element;
  }
}

interface Panel {
  element: Element;
  height: number;
}

/** A dot for each device in a row for each task of a kind. */
function panel(document: Document, { tasks }: CompareReport, kind: string): Panel {
  const own = tasks.filter(({ task }) => task === kind);
  const labelOf = ({ title, batch }: { title: string; batch: number }) =>
    kind === 'gemm' ? title : `${title.replace(/, embedding|, a step of training/, '')}, batch ${batch}`;
  const points = own.flatMap((one) =>
    one.times.flatMap(({ device, gflops }): Point[] =>
      gflops === null ? [] : [{ label: labelOf(one), device, gflops }],
    ),
  );
  const height = MARGIN.top + MARGIN.bottom + ROW * own.length;
  const element = Plot.plot({
    document,
    width: WIDTH,
    height,
    marginTop: MARGIN.top,
    marginBottom: MARGIN.bottom,
    marginLeft: MARGIN.left,
    marginRight: MARGIN.right,
    style: { fontSize: '12px' },
    x: {
      type: 'log',
      label: 'GFLOP/s',
      labelAnchor: 'center',
      labelArrow: 'none',
      labelOffset: 36,
      grid: true,
      nice: true,
      tickFormat: '~g',
    },
    y: { type: 'point', domain: own.map(labelOf), label: null, padding: 0.5 },
    marks: [
      Plot.ruleY(own.map(labelOf), { stroke: 'currentColor', strokeOpacity: 0.15 }),
      Plot.dot(points, { x: 'gflops', y: 'label', r: 5, fill: ({ device }: Point) => COLOURS[device] }),
      heading(kind, { frameAnchor: 'top-left', dx: 10 - MARGIN.left }),
      ...[...new Set(points.map(({ device }) => device))].map((device, k) =>
        heading(`● ${device}`, { frameAnchor: 'top-left', dx: 90 * k, fill: COLOURS[device] }),
      ),
    ],
  });
  // Its rules are for pages; within an SVG document they would give each panel the size of the whole.
  for (const style of element.querySelectorAll('style')) style.remove();
  return { element, height };
}

const heading = (text: string, options: Plot.TextOptions) =>
  Plot.text([text], { dy: -26, fontSize: 13, fontWeight: 'bold', ...options });

/** The panels one below the other, as an SVG document. */
function stacked(panels: readonly Panel[]): string {
  let height = 0;
  const placed = panels.map((panel) => {
    const top = height;
    height += panel.height;
    return { element: panel.element, left: 0, top };
  });
  return svgDocument('GPU against CPU', { width: WIDTH, height }, placed);
}
