import { median } from '../bench/measure';
import { syntheticDataset } from '../face/dataset';
import type { DeviceName } from '../kernels/backend';
import type { Scaling } from '../nn/depth-network';
import { arrival, type DepthRun, finalLoss, studyDepths } from '../nn/depth-study';
import { openDevice } from '../tensor/device';
import { expectChartPlace, writeChart } from './files';
import { digits, printDevice, printJson, printLine, printTable, printWritten, startProgress, tell } from './output';
import type { GradientsOptions } from './study-commands';
import { cachedTiles } from './tiles';

/** `likeness study gradients --json`. */
export interface GradientsReport {
  people: number;
  images: number;
  /** [height, width, channels] */
  input: [number, number, number];
  steps: number;
  batch: number;
  learningRate: number;
  device: DeviceName;
  seconds: number;
  runs: DepthRun[];
}

/** Networks of one scaling, depth and kind, over all seeds. */
export interface DepthGroup {
  scaling: Scaling;
  blocks: number;
  plain: boolean;
  runs: DepthRun[];
}

const DATA = { people: 10, imagesEach: 16, height: 24, width: 24, channels: 3 } as const;
const CHANNELS = 16;
const MOMENTUM = 0.9;

/** `likeness study gradients`: what becomes of the gradient in plain and in residual networks at growing depth. */
export async function studyGradients(options: GradientsOptions, signal: AbortSignal): Promise<void> {
  const { depths, scalings, steps, seed, batch, learningRate, out, json, progress } = options;
  await expectChartPlace(out);
  const { backend, reason } = await openDevice(options.device, { ...options, tiles: cachedTiles });
  try {
    const started = performance.now();
    const data = syntheticDataset({ ...DATA, seed });
    const { height, width, channels } = data;
    const seeds = Array.from({ length: options.seeds }, (_, k) => seed + k);
    const network = { input: { height, width, channels }, channels: CHANNELS, classes: data.names.length };
    const training = { batchSize: batch, learningRate, momentum: MOMENTUM };
    const bar = await startProgress(scalings.length * depths.length * 2 * seeds.length * steps, progress, 'steps');
    let runs: DepthRun[];
    try {
      runs = await studyDepths(
        backend,
        data.examples,
        { ...network, ...training, scalings, depths: [...depths].sort((a, b) => a - b), seeds, steps },
        { signal, onStep: bar.advance, onRun: progress && !process.stderr.isTTY ? tellRun : undefined },
      );
    } finally {
      bar.stop();
    }
    const report: GradientsReport = {
      people: data.names.length,
      images: data.examples.length,
      input: [height, width, channels],
      steps,
      batch,
      learningRate,
      device: backend.name,
      seconds: (performance.now() - started) / 1000,
      runs,
    };
    if (out !== undefined) await writeChart(out, (await import('./study-chart')).drawGradients(report));
    if (json) return printJson(report);
    printTable(HEADINGS, groupsOf(runs).map(rowOf));
    printLine(
      `dX0 / dXD: what arrives before the first block of the gradient behind the last one; dW1: the norm of the ` +
        `gradient of the first layer's filters. Both before the first step, and at the end before the last. Loss: mean ` +
        `of the last tenth of ${steps} steps; it is ${Math.log(data.names.length).toFixed(2)} for knowing nothing.`,
    );
    if (seeds.length > 1) printLine(`Medians of ${seeds.length} seeds, lowest and highest in brackets.`);
    printLine(`${data.names.length} drawn people, ${data.examples.length} images; ${report.seconds.toFixed(0)} s`);
    printWritten(out === undefined ? [] : [out]);
    printDevice({ name: backend.name, description: backend.description, reason });
  } finally {
    await backend.close();
  }
}

/** Where there is no terminal for a bar. */
function tellRun(run: DepthRun): void {
  const { scaling, blocks, plain, seed, failedAt } = run;
  const end = failedAt === undefined ? `loss ${finalLoss(run).toFixed(3)}` : `failed at step ${failedAt}`;
  tell(
    `${scaling}, ${blocks} ${blocks === 1 ? 'block' : 'blocks'}, ${plain ? 'plain' : 'residual'}, seed ${seed}: ${end}`,
  );
}

/** In the order in which they were trained. */
export function groupsOf(runs: readonly DepthRun[]): DepthGroup[] {
  const groups = new Map<string, DepthGroup>();
  for (const run of runs) {
    const { scaling, blocks, plain } = run;
    const key = `${scaling} ${blocks} ${plain}`;
    const group = groups.get(key) ?? { scaling, blocks, plain, runs: [] };
    group.runs.push(run);
    groups.set(key, group);
  }
  return [...groups.values()];
}

export const HEADINGS = ['', 'Blocks', '', 'dX0 / dXD', 'dW1', '... at the end', '... at the end', 'Loss'];

/** Of a table: what a group came to. */
export function rowOf({ scaling, blocks, plain, runs }: DepthGroup): (string | number)[] {
  const ends = runs.flatMap(({ end }) => (end ? [end] : []));
  const losses = runs.map(finalLoss).filter(Number.isFinite);
  const failed = runs.length - losses.length;
  return [
    scaling,
    blocks,
    plain ? 'plain' : 'residual',
    spread(runs.map(({ start }) => arrival(start))),
    spread(runs.map(({ start }) => start.filters[0])),
    middle(ends.map(arrival)),
    middle(ends.map(({ filters }) => filters[0])),
    failed === 0 ? spread(losses) : `${failed} of ${runs.length} failed`,
  ];
}

const middle = (values: readonly number[]): string => (values.length === 0 ? '-' : short(median(values)));

const spread = (values: readonly number[]): string =>
  values.length === 1
    ? middle(values)
    : `${middle(values)} (${short(Math.min(...values))} to ${short(Math.max(...values))})`;

/** Two digits, and small ones as 1e-13. */
const short = (value: number): string =>
  value !== 0 && (value < 0.001 || value >= 10_000) ? value.toExponential(0) : digits(Number(value.toPrecision(2)));
