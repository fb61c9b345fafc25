import { platform } from '#platform';
import { median, repeatedTimes } from '../bench/measure';
import { HALF_TASKS, peakTasks, TASKS, type Task, type TaskName, tasksOf } from '../bench/tasks';
import type { Backend, DeviceName, Precision } from '../kernels/backend';
import { openDevice } from '../tensor/device';
import type { CommonOptions } from './options';
import { digits, printDevice, printJson, printLine, printTable, tell, UserError } from './output';
import { cachedTiles } from './tiles';

export interface BenchOptions extends CommonOptions {
  task?: TaskName;
  batch?: number;
  seconds: number;
  progress: boolean;
  profile?: boolean;
  compare?: boolean;
  tune?: boolean;
  half?: boolean;
  out?: string;
}

export interface Measurement {
  task: TaskName;
  /** Which layer, which product. */
  title: string;
  device: DeviceName;
  /** Of wasm; 1 on reference; a GPU has none to be told. */
  threads: number | null;
  batch: number;
  /** The median for the whole batch. */
  milliseconds: number;
  /** Multiplications and additions of the textbook's sums: a backend that needs fewer is given them all the same. */
  gflops: number;
  /** Of a product: how many products. */
  imagesPerSecond: number;
  /** Of the whole batch. */
  multiplyAdds: number;
  /** gflops by the best of any product in this run. */
  fractionOfPeak: number;
  /** How many turns the median is of. */
  turns: number;
}

/** `likeness bench`: how fast the networks, a step of training, products and single layers are here. */
export async function bench(options: BenchOptions, signal: AbortSignal): Promise<void> {
  const { task, batch, json, progress, half = false } = options;
  const precision = precisionOf(options);
  const { backend, reason } = await openDevice(options.device, { ...options, precision, tiles: cachedTiles });
  try {
    const names = task ? [task] : half ? HALF_TASKS : TASKS;
    const tasks = names.flatMap((name) => tasksOf(name, batch, precision));
    const note = (sentence: string) => {
      if (progress) tell(sentence);
    };
    const measured: (Omit<Measurement, 'fractionOfPeak'> & { best: number })[] = [];
    const measureTask = async (one: Task) => {
      const result = await measure(backend, one, options, signal);
      note(
        `${one.task}, ${one.title}, batch ${one.batch}: ${digits(result.milliseconds)} ms, ${digits(result.gflops)} GFLOP/s`,
      );
      return result;
    };
    for (const one of tasks) measured.push(await measureTask(one));
    const products = measured.filter((result) => result.task === 'gemm');
    if (products.length === 0) for (const one of peakTasks(backend)) products.push(await measureTask(one));
    const peak = Math.max(...products.map(({ best }) => best));
    const report = measured.map(
      ({ best: _, ...result }): Measurement => ({
        ...result,
        fractionOfPeak: result.gflops / peak,
      }),
    );
    if (json) return printJson(report);
    printTable(
      ['Task', '', 'Batch', 'ms', 'GFLOP/s', 'Of the peak', 'Images/s', 'Million multiply-adds'],
      report.map((result) => [
        result.task,
        result.title,
        result.batch,
        digits(result.milliseconds),
        digits(result.gflops),
        `${(100 * result.fractionOfPeak).toFixed(0)} %`,
        result.task === 'gemm' ? '' : digits(result.imagesPerSecond),
        digits(result.multiplyAdds / 1e6),
      ]),
    );
    printLine(
      `Medians, of the whole batch. Peak: ${digits(peak)} GFLOP/s, the best of any product in this run; Winograd's ` +
        'layers need fewer multiplications than are counted and may exceed it.',
    );
    printDevice({ name: backend.name, description: backend.description, reason });
  } finally {
    await backend.close();
  }
}

/** What --half asks for. */
export function precisionOf({ half = false, task }: BenchOptions): Precision {
  if (half && task && !HALF_TASKS.some((one) => one === task))
    throw new UserError(`--half is for networks and their training: ${HALF_TASKS.join(', ')}`);
  return half ? 'half' : 'full';
}

async function measure(
  backend: Backend,
  { task, title, batch, open }: Task,
  { threads, seconds }: BenchOptions,
  signal: AbortSignal,
): Promise<Omit<Measurement, 'fractionOfPeak'> & { best: number }> {
  signal.throwIfAborted();
  const { multiplyAdds, run, dispose } = await open(backend);
  try {
    const times = await repeatedTimes(run, { seconds, signal });
    const milliseconds = median(times);
    const gflopsIn = (time: number) => (2 * multiplyAdds) / time / 1e6;
    return {
      task,
      title,
      device: backend.name,
      threads: threadsOf(backend, threads),
      batch,
      milliseconds,
      gflops: gflopsIn(milliseconds),
      imagesPerSecond: (1000 * batch) / milliseconds,
      multiplyAdds,
      turns: times.length,
      best: gflopsIn(Math.min(...times)),
    };
  } finally {
    dispose();
  }
}

function threadsOf({ name }: Backend, asked: number | undefined): number | null {
  if (name === 'webgpu') return null;
  return name === 'reference' ? 1 : (asked ?? platform.hardwareThreads);
}
