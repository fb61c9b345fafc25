import * as Plot from '@observablehq/plot';
import type { EpochRecord } from '../nn/trainer';

/** What the curves are drawn from; learning rates are those at the end of each epoch. */
export interface Curves {
  history: readonly EpochRecord[];
  learningRates: readonly number[];
}

const PANEL = { width: 360, height: 260 };
const COLOURS = { training: '#4c78dd', test: '#e4692c' };
/** Where the eye's owner likes it dark, it is. The picture is whole without it, for programs that know no CSS. */
export const CHART_STYLE =
  'svg { color: #222; } .paper { fill: #fff; } ' +
  '@media (prefers-color-scheme: dark) { svg { color: #ddd; } .paper { fill: #16181d; } }';

interface Point {
  epoch: number;
  value: number;
  images: keyof typeof COLOURS;
}

/** Loss, accuracy and learning rate over the epochs: three SVG elements of one size. */
export function drawPanels(document: Document, { history, learningRates }: Curves): Element[] {
  const loss = history.flatMap(({ epoch, loss, testLoss }) => pair(epoch, loss, testLoss));
  const accuracy = history.flatMap(({ epoch, accuracy, testAccuracy }) =>
    pair(epoch, 100 * accuracy, 100 * testAccuracy),
  );
  const rates = learningRates.map((value, index): Point => ({ epoch: index + 1, value, images: 'training' }));
  const epochs = history.length;
  return [
    panel(document, { label: 'Loss', highest: highestLoss(history), epochs }, loss),
    panel(document, { label: 'Accuracy, %', highest: 100, epochs }, accuracy),
    panel(document, { label: 'Learning rate', highest: Math.max(...learningRates, 1e-9), epochs }, rates),
  ];
}

/** The three panels side by side, as an SVG document. */
export function drawChart(document: Document, curves: Curves): string {
  const placed = drawPanels(document, curves).map((element, k) => ({ element, left: k * PANEL.width, top: 0 }));
  const size = { width: PANEL.width * placed.length, height: PANEL.height };
  return svgDocument('Loss, accuracy and learning rate of a training', size, placed);
}

/** SVG elements at their places in one SVG document; lengths in its pixels. */
export function svgDocument(
  title: string,
  { width, height }: { width: number; height: number },
  placed: readonly { element: Element; left: number; top: number }[],
): string {
  const moved = placed.map(
    ({ element, left, top }) => `<g transform="translate(${left} ${top})">${element.outerHTML}</g>`,
  );
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ` +
    `role="img">\n<title>${title}</title>\n<style>${CHART_STYLE}</style>\n` +
    `<rect class="paper" width="100%" height="100%" fill="#fff"/>\n${moved.join('\n')}\n</svg>\n`
  );
}

const pair = (epoch: number, training: number, test: number): Point[] => [
  { epoch, value: training, images: 'training' },
  { epoch, value: test, images: 'test' },
];

/** Running statistics lag in the first epochs, where a test loss may be many times that of the rest: that is cut off. */
function highestLoss(history: readonly EpochRecord[]): number {
  const settled = history.slice(Math.floor(history.length / 2)).map(({ testLoss }) => testLoss);
  const values = [...history.map(({ loss }) => loss), ...settled].filter(Number.isFinite);
  return 1.05 * Math.max(...values, 1e-9);
}

interface Axes {
  label: string;
  highest: number;
  epochs: number;
}

function panel(document: Document, { label, highest, epochs }: Axes, points: Point[]): Element {
  const names = [...new Set(points.map(({ images }) => images))];
  const drawn = Plot.plot({
    document,
    ...PANEL,
    marginTop: 40,
    marginRight: 24,
    marginBottom: 46,
    marginLeft: 52,
    style: { fontSize: '12px' },
    x: {
      label: 'Epoch',
      labelAnchor: 'center',
      labelArrow: 'none',
      labelOffset: 36,
      domain: [1, Math.max(2, epochs)],
      ticks: Math.min(6, Math.max(1, epochs - 1)),
      tickFormat: 'd',
    },
    y: { label: null, domain: [0, highest], clamp: true, grid: true, ticks: 5 },
    marks: [
      Plot.ruleY([0]),
      Plot.lineY(points, {
        x: 'epoch',
        y: 'value',
        z: 'images',
        stroke: ({ images }: Point) => COLOURS[images],
        strokeWidth: 2,
        marker: epochs <= 20 ? 'dot' : 'none',
      }),
      heading(label, { frameAnchor: 'top-left', dx: -44 }),
      ...(names.length < 2 ? [] : names.map(legend)),
    ],
  });
  // Its rules are for pages; within an SVG document they would give each panel the size of the whole.
  for (const style of drawn.querySelectorAll('style')) style.remove();
  return drawn;
}

/** Above the curves: the name of what they show, and of each in its colour. */
const heading = (text: string, options: Plot.TextOptions) =>
  Plot.text([text], { dy: -26, fontSize: 13, fontWeight: 'bold', ...options });

const legend = (name: keyof typeof COLOURS, place: number) =>
  heading(`— ${name}`, { frameAnchor: 'top-right', dx: place === 0 ? -58 : 0, fill: COLOURS[name] });
