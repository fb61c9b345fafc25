import type { EpochRecord, TrainingProgress } from '../nn/trainer';
import type { TerminalSize } from './terminal-chart';
import { percent } from './verify';

interface TrainingBar {
  /** Before the first step: how many of its kernels are ready, which on a GPU takes its time. In a terminal only. */
  prepare(compiled: number, total: number): void;
  show(progress: TrainingProgress): void;
  /** The bar goes, the chart stays. */
  stop(): void;
}

/** stderr, or what stands for it in a test. */
export type Terminal = NodeJS.WritableStream & TerminalSize & { isTTY?: boolean };

const BAR = 20;
/** Milliseconds between two drawings. */
const PAUSE = 100;

/**
 * How a training goes, on stderr. In a terminal: a bar, and above it a chart of loss and accuracy that grows with every
 * epoch; with --json the bar only. Elsewhere a line for each epoch, with --json nothing. Nothing with --no-progress.
 *
 * @param history the epochs that were made before, of a training that is gone on with
 */
export async function startTrainingBar(
  history: readonly EpochRecord[],
  { progress: wanted, json }: { progress: boolean; json: boolean },
  terminal: Terminal = process.stderr,
): Promise<TrainingBar> {
  const nothing = { prepare: () => undefined, show: () => undefined, stop: () => undefined };
  if (!wanted) return nothing;
  if (terminal.isTTY) return terminalBar(history, !json, terminal);
  return json ? nothing : { ...nothing, show: (progress) => writeEpoch(progress, terminal) };
}

function writeEpoch({ finished, epochs }: TrainingProgress, stream: Terminal) {
  if (!finished) return;
  const { epoch, loss, accuracy, testLoss, testAccuracy } = finished;
  stream.write(
    `epoch ${epoch} of ${epochs}: loss ${loss.toFixed(3)}, accuracy ${percent(accuracy)}; ` +
      `test loss ${testLoss.toFixed(3)}, accuracy ${percent(testAccuracy)}\n`,
  );
}

async function terminalBar(before: readonly EpochRecord[], withChart: boolean, terminal: Terminal) {
  const [{ createLogUpdate }, { terminalChart }] = await Promise.all([
    import('log-update'),
    import('./terminal-chart'),
  ]);
  const draw = createLogUpdate(terminal);
  const history = [...before];
  const mean = { loss: Number.NaN, accuracy: Number.NaN }; // of the last twenty steps, about: single batches jump
  const chart = () => (withChart ? terminalChart(history, terminal) : '');
  let drawn = Number.NEGATIVE_INFINITY;
  return {
    prepare(compiled: number, total: number) {
      const line = `making the first step ready: ${compiled} of ${total} kernels`;
      draw(line.slice(0, Math.max(1, (terminal.columns ?? 80) - 1)));
    },
    show(progress: TrainingProgress) {
      const { finished, step, steps } = progress;
      if (finished) history.push(finished);
      mean.loss = smoothed(mean.loss, progress.loss);
      mean.accuracy = smoothed(mean.accuracy, progress.accuracy);
      const now = performance.now();
      if (now - drawn < PAUSE && !finished && step < steps) return;
      drawn = now;
      const bar = barLine({ ...progress, ...mean }, history[history.length - 1], terminal.columns ?? 80);
      draw([chart(), bar].filter(Boolean).join('\n'));
    },
    stop() {
      const last = chart();
      if (last) draw(last);
      else draw.clear();
      draw.done();
    },
  };
}

const smoothed = (before: number, value: number) => (Number.isNaN(before) ? value : 0.95 * before + 0.05 * value);

/** One line: what does not fit is left out, the least important first. */
function barLine(progress: TrainingProgress, last: EpochRecord | undefined, columns: number): string {
  const { step, steps, epoch, epochs, loss, accuracy, imagesPerSecond, secondsLeft } = progress;
  const full = Math.round((BAR * step) / steps);
  const facts = [
    `epoch ${epoch} of ${epochs}`,
    `${clock(secondsLeft)} left`,
    ...(last ? [`test ${percent(last.testAccuracy)}`] : []),
    `loss ${loss.toFixed(3)}`,
    `accuracy ${percent(accuracy)}`,
    `${imagesPerSecond.toFixed(0)} images/s`,
  ];
  let line = `${'█'.repeat(full)}${'░'.repeat(BAR - full)}`;
  for (const [index, fact] of facts.entries()) {
    const longer = `${line}${index === 0 ? ' ' : ', '}${fact}`;
    if (longer.length >= columns) break;
    line = longer;
  }
  return line.slice(0, Math.max(1, columns - 1));
}

function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  return `${minutes}:${String(whole % 60).padStart(2, '0')}`;
}
