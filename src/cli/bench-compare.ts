import { type ComparedTask, compareTasks, type DeviceTime } from '../bench/compare';
import { TASKS, type TaskName, tasksOf } from '../bench/tasks';
import type { Backend, DeviceName } from '../kernels/backend';
import { openReference } from '../kernels/reference/backend';
import { openDevice } from '../tensor/device';
import type { BenchOptions } from './bench';
import { expectChartPlace, writeChart } from './files';
import { openGpu } from './gpu';
import { digits, printJson, printLine, printTable, printWritten, tell, UserError } from './output';

/** `likeness bench --compare --json`. */
export interface CompareReport {
  devices: { device: DeviceName; description: string }[];
  /** Why there is no GPU in it. */
  withoutGpu?: string;
  tasks: (ComparedTask & {
    /** How many times faster the first is than the second, where both were measured. */
    ratios: Record<string, number>;
  })[];
}

/** Pairs of devices whose times are divided. */
const RATIOS: readonly (readonly [faster: DeviceName, slower: DeviceName])[] = [
  ['webgpu', 'wasm'],
  ['webgpu', 'reference'],
  ['wasm', 'reference'],
];
const BATCHES: Record<TaskName, readonly (number | undefined)[]> = {
  gemm: [undefined],
  conv: [1, 32],
  'face-resnet': [1, 8, 32],
  'mini-resnet': [1, 8, 32],
  'train-step': [8, 32],
};
const SHOWN: readonly DeviceName[] = ['webgpu', 'wasm', 'reference'];

/** `likeness bench --compare`: products, layers, networks and training on the GPU, the CPU and as plain loops. */
export async function benchCompare(options: BenchOptions, signal: AbortSignal): Promise<void> {
  const { task, batch, seconds, json, progress, out } = options;
  await expectChartPlace(out);
  const { backends, withoutGpu } = await openAll(options);
  try {
    if (withoutGpu !== undefined && progress) tell(`without a GPU: ${withoutGpu}`);
    // Products come first: by them it is known what would take a device too long.
    const names = task ? [task] : [...TASKS].sort((a, b) => Number(b === 'gemm') - Number(a === 'gemm'));
    const tasks = names.flatMap((name) =>
      (batch === undefined ? BATCHES[name] : [batch]).flatMap((size) => tasksOf(name, size)),
    );
    const compared = await compareTasks(backends, tasks, {
      seconds,
      signal,
      note: (one, time) => {
        if (progress) tell(`${one.task}, ${one.title}, batch ${one.batch}, ${time.device}: ${timeInWords(time)}`);
      },
    });
    const report: CompareReport = {
      devices: SHOWN.flatMap((device) => backends.filter(({ name }) => name === device)).map(
        ({ name, description }) => ({ device: name, description }),
      ),
      ...(withoutGpu === undefined ? {} : { withoutGpu }),
      tasks: compared.map((one) => ({ ...one, ratios: ratiosOf(one) })),
    };
    const written = out === undefined ? [] : [out];
    if (out !== undefined) {
      const { drawComparison } = await import('./compare-chart');
      await writeChart(out, drawComparison(report));
    }
    if (json) return printJson(report);
    print(report);
    printWritten(written);
  } finally {
    for (const backend of backends) await backend.close();
  }
}

/** wasm first, which is fast everywhere; then the GPU, if there is one; plain loops last. */
async function openAll(options: BenchOptions): Promise<{ backends: Backend[]; withoutGpu?: string }> {
  if (options.device !== 'auto' && options.device !== 'webgpu')
    throw new UserError(`--compare measures every device; leave out --device ${options.device}`);
  const { backend: wasm } = await openDevice('wasm', options);
  try {
    const gpu = await openGpu(options);
    return { backends: [wasm, gpu, openReference()] };
  } catch (error) {
    const withoutGpu = (error instanceof Error ? error.message : String(error)).replace(/^webgpu: /, '');
    if (options.device === 'auto') return { backends: [wasm, openReference()], withoutGpu };
    await wasm.close();
    throw error;
  }
}

function ratiosOf({ times }: ComparedTask): Record<string, number> {
  const of = (device: DeviceName) => times.find((time) => time.device === device)?.milliseconds ?? undefined;
  const ratios: Record<string, number> = {};
  for (const [faster, slower] of RATIOS) {
    const [one, other] = [of(faster), of(slower)];
    if (one !== undefined && other !== undefined) ratios[`${faster} to ${slower}`] = other / one;
  }
  return ratios;
}

const timeInWords = ({ milliseconds, gflops, skipped }: DeviceTime): string =>
  milliseconds === null ? `left out, ${skipped}` : `${digits(milliseconds)} ms, ${digits(gflops ?? 0)} GFLOP/s`;

function print({ devices, withoutGpu, tasks }: CompareReport): void {
  const pairs = RATIOS.map(([faster, slower]) => `${faster} to ${slower}`).filter((pair) =>
    tasks.some(({ ratios }) => pair in ratios),
  );
  printTable(
    ['Task', '', 'Batch', ...devices.map(({ device }) => `${device}, ms`), ...pairs],
    tasks.map(({ task, title, batch, times, ratios }) => [
      task,
      title,
      batch,
      ...devices.map(({ device }) => {
        const milliseconds = times.find((time) => time.device === device)?.milliseconds;
        return milliseconds === null || milliseconds === undefined ? 'left out' : digits(milliseconds);
      }),
      ...pairs.map((pair) => (pair in ratios ? `${digits(ratios[pair])} x` : '')),
    ]),
  );
  printLine('Medians, of the whole batch. 3 x: three times as fast. Left out: a run would take many seconds.');
  for (const { device, description } of devices) printLine(`${device}: ${description}`);
  if (withoutGpu !== undefined) printLine(`Without a GPU: ${withoutGpu}. --device webgpu takes one in software, too.`);
}
