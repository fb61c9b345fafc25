import type { EpochRecord } from '../nn/trainer';

const PANEL = { width: 420, height: 240, left: 52, top: 34, bottom: 36, right: 16 };

interface Curve {
  name: string;
  colour: string;
  values: readonly number[];
}

/** Loss and accuracy over the epochs of a training, side by side, as an SVG document. */
export function trainingChart(history: readonly EpochRecord[]): string {
  const epochs = history.map(({ epoch }) => epoch);
  const curves = (training: (record: EpochRecord) => number, test: (record: EpochRecord) => number): Curve[] => [
    { name: 'training', colour: '#4269d0', values: history.map(training) },
    { name: 'test', colour: '#c44f1c', values: history.map(test) },
  ];
  const loss = curves(
    (record) => record.loss,
    (record) => record.testLoss,
  );
  const accuracy = curves(
    (record) => 100 * record.accuracy,
    (record) => 100 * record.testAccuracy,
  );
  // Running statistics lag in the first epochs, where a test loss may be many times that of the rest.
  const highest = Math.max(...loss[0].values) * 1.1;
  const panels = [
    panel('Loss', epochs, loss, highest),
    `<g transform="translate(${PANEL.width})">${panel('Accuracy, %', epochs, accuracy, 100)}</g>`,
  ];
  const size = `width="${2 * PANEL.width}" height="${PANEL.height}"`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="11">\n` +
    `<rect width="100%" height="100%" fill="white"/>\n${panels.join('\n')}\n</svg>\n`
  );
}

function panel(title: string, epochs: readonly number[], curves: readonly Curve[], highest: number): string {
  const { width, height, left, top, bottom, right } = PANEL;
  const [first, last] = [epochs[0], Math.max(epochs[epochs.length - 1], epochs[0] + 1)];
  const x = (epoch: number) => left + ((epoch - first) / (last - first)) * (width - left - right);
  const y = (value: number) => height - bottom - (Math.min(value, highest) / highest) * (height - top - bottom);
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const value = share * highest;
    return (
      `<line x1="${left}" x2="${width - right}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}" stroke="#ddd"/>` +
      `<text x="${left - 6}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end">${Number(value.toPrecision(3))}</text>`
    );
  });
  const lines = curves.map(({ name, colour, values }, k) => {
    const points = values.map((value, i) => `${x(epochs[i]).toFixed(1)},${y(value).toFixed(1)}`);
    return (
      `<polyline fill="none" stroke="${colour}" stroke-width="1.5" points="${points.join(' ')}"/>` +
      `<text x="${width - right - 60 * (curves.length - 1 - k)}" y="18" text-anchor="end" fill="${colour}">${name}</text>`
    );
  });
  return [
    `<text x="${left}" y="18" font-weight="bold">${title}</text>`,
    ...ticks,
    ...lines,
    `<text x="${left}" y="${height - 12}" text-anchor="middle">${first}</text>`,
    `<text x="${width - right}" y="${height - 12}" text-anchor="end">epoch ${epochs[epochs.length - 1]}</text>`,
  ].join('\n');
}
