import { blue, plot, red } from 'asciichart';
import colours from 'picocolors';
import type { EpochRecord } from '../nn/trainer';

const ROWS = 8;
const LABEL = 6;
const MARGIN = ' '.repeat(LABEL + 1);
const GAP = '   ';
const NARROWEST = 60;
/** The chart, its heading and its axis, the bar, and some lines of what was before. */
const LOWEST = 16;

export interface TerminalSize {
  columns?: number;
  rows?: number;
}

/**
 * Loss and accuracy of the epochs so far, side by side, for a terminal: a column an epoch while there is room, then
 * every so many of them. Empty where the terminal is too small or there is no line to draw yet.
 */
export function terminalChart(
  history: readonly EpochRecord[],
  { columns = 80, rows = 24 }: TerminalSize,
  isColoured = colours.isColorSupported,
): string {
  if (columns < NARROWEST || rows < LOWEST || history.length < 2) return '';
  const width = Math.floor((columns - GAP.length) / 2);
  const shown = thinned(history, width - LABEL - 2);
  const highest = Math.max(...history.map(({ loss }) => loss));
  const loss = panel('Loss', width, isColoured, {
    training: shown.map(({ loss }) => loss),
    // Running statistics lag in the first epochs, where a test loss may be many times that of the rest.
    test: shown.map(({ testLoss }) => (Number.isFinite(testLoss) ? Math.min(testLoss, highest) : highest)),
    format: (value) => value.toFixed(2),
  });
  const accuracy = panel('Accuracy, %', width, isColoured, {
    training: shown.map(({ accuracy }) => 100 * accuracy),
    test: shown.map(({ testAccuracy }) => 100 * testAccuracy),
    format: (value) => value.toFixed(0),
    range: { min: 0, max: 100 },
  });
  const blank = ' '.repeat(width);
  const lines = Array.from(
    { length: Math.max(loss.length, accuracy.length) },
    (_, k) => `${loss[k] ?? blank}${GAP}${accuracy[k] ?? blank}`,
  );
  const legend = isColoured ? `${colours.blue('training')}, ${colours.red('test')}` : 'test images';
  const span = `epochs ${history[0].epoch} to ${history[history.length - 1].epoch}`;
  return [...lines, `${MARGIN}${span}: ${legend}`].map((line) => line.trimEnd()).join('\n');
}

interface Panel {
  training: number[];
  test: number[];
  format: (value: number) => string;
  range?: { min: number; max: number };
}

/** A heading and the lines under it, each `width` wide. Without colours one could not tell two curves apart. */
function panel(name: string, width: number, isColoured: boolean, { training, test, format, range }: Panel): string[] {
  const drawn = plot(isColoured ? [training, test] : test, {
    height: ROWS - 1,
    offset: 2,
    format: (value: number) => format(value).padStart(LABEL),
    ...(isColoured && { colors: [blue, red] }),
    ...range,
  });
  const padding = ' '.repeat(width - LABEL - 2 - test.length);
  const heading = `${MARGIN}${name}`.padEnd(width);
  return [heading, ...drawn.split('\n').map((line) => `${line}${padding}`)];
}

/** At most `most` of them, evenly spread, with the first and the last. */
function thinned<T>(all: readonly T[], most: number): T[] {
  if (all.length <= most) return [...all];
  return Array.from({ length: most }, (_, k) => all[Math.round((k * (all.length - 1)) / (most - 1))]);
}
