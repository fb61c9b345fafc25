import type { EpochRecord, TrainingProgress } from '../nn/trainer';
import { percent } from './verify';

interface TrainingBar {
  show(progress: TrainingProgress): void;
  stop(): void;
}

/**
 * How a training goes, on stderr: a bar in a terminal, else a line for each epoch; with --json or --no-progress nothing
 * where there is no terminal.
 */
export async function startTrainingBar(
  steps: number,
  step: number,
  { progress: wanted, json }: { progress: boolean; json: boolean },
): Promise<TrainingBar> {
  if (!wanted) return { show: () => undefined, stop: () => undefined };
  if (!process.stderr.isTTY)
    return {
      show: ({ finished, epochs }) => {
        if (finished && !json) process.stderr.write(`${lineOf(finished, epochs)}\n`);
      },
      stop: () => undefined,
    };
  const { SingleBar, Presets } = await import('cli-progress');
  const format =
    '{bar} epoch {epoch} of {epochs}, loss {loss}, accuracy {accuracy}, test {test}, {speed} images/s, {left} left';
  const bar = new SingleBar({ format, clearOnComplete: true, hideCursor: true, barsize: 20 }, Presets.shades_classic);
  bar.start(steps, step, { epoch: 1, epochs: 1, loss: '', accuracy: '', test: '-', speed: 0, left: '' });
  let test = '-';
  const mean = { loss: Number.NaN, accuracy: Number.NaN }; // of the last twenty steps, about: single batches jump
  return {
    show({ step, epoch, epochs, loss, accuracy, finished, imagesPerSecond, secondsLeft }) {
      if (finished) test = percent(finished.testAccuracy);
      mean.loss = smoothed(mean.loss, loss);
      mean.accuracy = smoothed(mean.accuracy, accuracy);
      bar.update(step, {
        epoch,
        epochs,
        loss: mean.loss.toFixed(3),
        accuracy: percent(mean.accuracy),
        test,
        speed: imagesPerSecond.toFixed(0),
        left: clock(secondsLeft),
      });
    },
    stop: () => bar.stop(),
  };
}

const smoothed = (before: number, value: number) => (Number.isNaN(before) ? value : 0.95 * before + 0.05 * value);

const lineOf = ({ epoch, loss, accuracy, testLoss, testAccuracy }: EpochRecord, epochs: number) =>
  `epoch ${epoch} of ${epochs}: loss ${loss.toFixed(3)}, accuracy ${percent(accuracy)}; ` +
  `test loss ${testLoss.toFixed(3)}, accuracy ${percent(testAccuracy)}`;

function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  return `${minutes}:${String(whole % 60).padStart(2, '0')}`;
}
