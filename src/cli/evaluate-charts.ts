import * as Plot from '@observablehq/plot';
import type { RejectionPoint } from '../face/evaluate';
import { auc, type RocPoint } from '../face/metrics';
import type { ConditionFigures } from './evaluate';

const SIZE = { width: 400, height: 300, marginLeft: 52, marginBottom: 44, marginTop: 32 };
const COLOURS = { same: '#4c78dd', different: '#e4692c' };

/** True against false accept rate, the latter by its logarithm: it is the low rates that matter. */
export function drawRoc(document: Document, curve: readonly RocPoint[]): Element {
  const points = curve.filter(({ far }) => far > 0);
  const lowest = Math.min(...points.map(({ far }) => far), 0.1);
  return Plot.plot({
    document,
    ...SIZE,
    x: {
      type: 'log',
      domain: [lowest, 1],
      tickFormat: '~g',
      label: 'False accept rate',
      labelAnchor: 'center',
      labelOffset: 36,
      grid: true,
    },
    y: { label: null, domain: [Math.max(0, Math.min(...points.map(({ tar }) => tar)) - 0.02), 1], grid: true },
    marks: [
      Plot.line(points, { x: 'far', y: 'tar', stroke: COLOURS.same, strokeWidth: 2, curve: 'step-after' }),
      heading(`True accept rate; area ${auc(curve).toFixed(4)}`),
    ],
  });
}

/** How many pairs of each kind have which distance. */
export function drawHistogram(
  document: Document,
  distances: { same: number[]; different: number[] },
  threshold: number,
): Element {
  const rows = (['same', 'different'] as const).flatMap((kind) =>
    distances[kind].map((distance) => ({ kind, distance })),
  );
  return Plot.plot({
    document,
    ...SIZE,
    x: { label: 'Distance', labelAnchor: 'center', labelOffset: 36 },
    y: { label: null, grid: true },
    marks: [
      Plot.rectY(
        rows,
        Plot.binX<Plot.RectYOptions>(
          { y2: 'count' },
          {
            x: 'distance',
            fill: ({ kind }: { kind: keyof typeof COLOURS }) => COLOURS[kind],
            fillOpacity: 0.6,
            thresholds: 50,
          },
        ),
      ),
      Plot.ruleX([threshold], { stroke: 'currentColor', strokeDasharray: '4 3' }),
      Plot.ruleY([0]),
      heading('Pairs; blue: of one person, orange: of two'),
    ],
  });
}

/** The error of what is left when the pairs of the least quality are rejected. */
export function drawRejection(document: Document, curve: readonly RejectionPoint[]): Element {
  return Plot.plot({
    document,
    ...SIZE,
    x: { label: 'Rejected, in %', labelAnchor: 'center', labelOffset: 36 },
    y: { label: null, grid: true, zero: true },
    marks: [
      Plot.lineY(curve, {
        x: ({ rejected }: RejectionPoint) => 100 * rejected,
        y: ({ error }: RejectionPoint) => 100 * error,
        stroke: COLOURS.same,
        strokeWidth: 2,
        marker: 'dot',
      }),
      heading('Errors in %, without the pairs of the least quality'),
    ],
  });
}

/** Accuracy against strength, a small chart for each condition; the dashed line is that of the photos as they are. */
export function drawConditions(document: Document, rows: readonly ConditionFigures[]): Element[] {
  const clean = rows.find(({ strength }) => strength === undefined)?.accuracy ?? 1;
  const lowest = Math.min(...rows.map(({ accuracy }) => accuracy), clean);
  const names = [...new Set(rows.filter(({ strength }) => strength !== undefined).map(({ condition }) => condition))];
  return names.map((name) => {
    const own = rows.filter(({ condition }) => condition === name);
    return Plot.plot({
      document,
      ...SIZE,
      width: 260,
      height: 200,
      style: { fontSize: '11px' },
      // From weak to strong, whichever way the numbers go.
      x: { type: 'point', domain: own.map(({ strength }) => strength), label: null },
      y: { label: null, domain: [Math.floor(100 * lowest - 1), 100], grid: true, ticks: 5 },
      marks: [
        Plot.ruleY([100 * clean], { stroke: 'currentColor', strokeDasharray: '4 3', strokeOpacity: 0.6 }),
        Plot.lineY(own, {
          x: 'strength',
          y: ({ accuracy }: ConditionFigures) => 100 * accuracy,
          stroke: COLOURS.same,
          strokeWidth: 2,
          marker: 'dot',
        }),
        heading(`${name}, accuracy in %`),
      ],
    });
  });
}

const heading = (text: string) =>
  Plot.text([text], { frameAnchor: 'top-left', dy: -22, dx: -44, fontSize: 13, fontWeight: 'bold' });
