import type { Backend } from '../kernels/backend';
import type { Scaling } from './depth-network';
import { DepthTraining, type DepthTrainingOptions, type GradientNorms } from './depth-training';
import type { LabelledImage } from './evaluation';

export interface DepthStudyOptions extends Omit<DepthTrainingOptions, 'blocks' | 'plain' | 'scaling' | 'seed'> {
  scalings: readonly Scaling[];
  /** Blocks of each network, say 2, 4, 8, 16. */
  depths: readonly number[];
  /** Each network is trained once with each. */
  seeds: readonly number[];
  steps: number;
}

/** What one network came to. */
export interface DepthRun {
  scaling: Scaling;
  plain: boolean;
  blocks: number;
  seed: number;
  /** Before the first step. */
  start: GradientNorms;
  /** Before the last; none of a training that has failed. */
  end?: GradientNorms;
  /** Of each step's batch, before the step. */
  losses: number[];
  accuracies: number[];
  /** The first step, counted from 1, whose loss was not finite: there the training ends. */
  failedAt?: number;
}

export interface DepthStudyProgress {
  signal?: AbortSignal | undefined;
  onStep?: ((step: number, steps: number) => void) | undefined;
  /** Hears of each network that was trained. */
  onRun?: ((run: DepthRun) => void) | undefined;
}

/** Plain against residual networks: every scaling at every depth with every seed, all on the same images. */
export async function studyDepths(
  backend: Backend,
  images: readonly LabelledImage[],
  options: DepthStudyOptions,
  { signal, onStep, onRun }: DepthStudyProgress = {},
): Promise<DepthRun[]> {
  const { scalings, depths, seeds, steps, ...shared } = options;
  const networks = scalings.flatMap((scaling) =>
    depths.flatMap((blocks) =>
      [true, false].flatMap((plain) => seeds.map((seed) => ({ ...shared, scaling, blocks, plain, seed }))),
    ),
  );
  const runs: DepthRun[] = [];
  for (const [place, network] of networks.entries()) {
    const note = (step: number) => onStep?.(place * steps + step, networks.length * steps);
    const run = await runOf(backend, images, network, { steps, signal, note });
    note(steps); // also of one that failed before
    onRun?.(run);
    runs.push(run);
  }
  return runs;
}

async function runOf(
  backend: Backend,
  images: readonly LabelledImage[],
  options: DepthTrainingOptions,
  { steps, signal, note }: { steps: number; signal: AbortSignal | undefined; note: (step: number) => void },
): Promise<DepthRun> {
  const { scaling, plain, blocks, seed } = options;
  const training = new DepthTraining(backend, images, options);
  try {
    const nothing: GradientNorms = { states: [], filters: [] };
    const run: DepthRun = { scaling, plain, blocks, seed, start: nothing, losses: [], accuracies: [] };
    for (let step = 1; step <= steps; step++) {
      await new Promise((done) => setTimeout(done)); // Ctrl-C is heard here
      signal?.throwIfAborted();
      const { loss, accuracy, norms } = await training.step({ measured: step === 1 || step === steps });
      if (step === 1 && norms) run.start = norms;
      if (!Number.isFinite(loss)) return { ...run, failedAt: step };
      run.losses.push(loss);
      run.accuracies.push(accuracy);
      if (step === steps && norms) run.end = norms;
      note(step);
    }
    return run;
  } finally {
    training.dispose();
  }
}

/** What the gradient that the last block sends back has become when it arrives at the first: |dX_0| / |dX_D|. */
export const arrival = ({ states }: GradientNorms): number => states[0] / states[states.length - 1];

/** The mean of the last tenth of the steps; not finite for a training that has failed. */
export function finalLoss({ losses, failedAt }: DepthRun): number {
  if (failedAt !== undefined) return Number.POSITIVE_INFINITY;
  const last = losses.slice(-Math.ceil(losses.length / 10));
  return last.reduce((sum, loss) => sum + loss, 0) / last.length;
}
