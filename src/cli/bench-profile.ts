import { type Ceilings, measureCeilings } from '../bench/ceilings';
import { type KernelShare, profileTask, type TaskProfile } from '../bench/profile';
import { type TaskName, tasksOf } from '../bench/tasks';
import { type BenchOptions, precisionOf } from './bench';
import { openGpu } from './gpu';
import { digits, printJson, printLine, printTable, tell } from './output';

/** `likeness bench --profile --json`. */
export interface ProfileReport {
  device: string;
  /** Whether the device takes timestamps; without them there are counts, and times expected from the ceilings. */
  isTimed: boolean;
  ceilings: Ceilings;
  tasks: TaskProfile[];
}

const PROFILED: readonly TaskName[] = ['face-resnet', 'mini-resnet', 'train-step'];
/** What a GPU in software is given, unless more is asked for: the rest takes minutes there. */
const SOFTWARE_PROFILED: readonly TaskName[] = ['face-resnet'];
const softwareBatch = (name: TaskName): number => (name === 'train-step' ? 2 : 1);
const SHAPES_SHOWN = 15;

/** `likeness bench --profile`: where the time of the networks and of training goes on this GPU. */
export async function benchProfile(options: BenchOptions, signal: AbortSignal): Promise<void> {
  const { task, batch, seconds, json, progress } = options;
  const precision = precisionOf(options);
  const backend = await openGpu(options);
  try {
    const note = (sentence: string) => {
      if (progress) tell(sentence);
    };
    if (precision === 'half' && backend.halfRefusal !== undefined) throw new Error(backend.halfRefusal);
    const ceilings = await measureCeilings(backend, { seconds, signal, precision });
    note(`ceilings: ${inWords(ceilings)}`);
    const tasks = (task ? [task] : backend.isSoftware ? SOFTWARE_PROFILED : PROFILED).flatMap((name) =>
      tasksOf(name, batch ?? (backend.isSoftware ? softwareBatch(name) : undefined), precision),
    );
    const profiles: TaskProfile[] = [];
    for (const one of tasks) {
      const profile = await profileTask(backend, one, ceilings, { runs: backend.isSoftware ? 1 : 5, signal });
      note(`${one.task}, ${one.title}, batch ${one.batch}: ${profile.dispatches} dispatches, ${timeInWords(profile)}`);
      profiles.push(profile);
    }
    const { description, features } = backend;
    const report: ProfileReport = { device: description, isTimed: features.timestamps, ceilings, tasks: profiles };
    if (json) return printJson(report);
    for (const profile of profiles) printProfile(profile);
    printLine(`Ceilings of ${description}, measured in this run: ${inWords(ceilings)}.`);
    if (!features.timestamps)
      printLine('This device takes no timestamps: times are those that the ceilings allow, not what a kernel took.');
    printLine(
      "Times are the GPU's own, one dispatch a pass. Expected: what the ceilings allow, by multiply-adds or bytes, " +
        'whichever takes longer. Bytes: each operand read once, each output written once.',
    );
    if (backend.isSoftware)
      printLine(
        'This GPU is a driver that computes on the CPU: it was given few images and one run, and only the face ResNet ' +
          'unless --task asks for more.',
      );
  } finally {
    await backend.close();
  }
}

const inWords = ({ gflops, gigabytesPerSecond, side, length }: Ceilings): string =>
  `${digits(gflops)} GFLOP/s (product of ${side} x ${side}), ${digits(gigabytesPerSecond)} GB/s (${digits(length / 2 ** 20)} Mi numbers scaled)`;

const timeInWords = ({ milliseconds, expectedMilliseconds }: TaskProfile): string =>
  milliseconds === null
    ? `${digits(expectedMilliseconds)} ms expected`
    : `${digits(milliseconds)} ms, ${digits(expectedMilliseconds)} ms expected`;

function printProfile(profile: TaskProfile): void {
  const { title, batch, submits, shapes } = profile;
  printLine(
    `\n${profile.task}: ${title}, batch ${batch}: ${profile.calls} calls, ${profile.dispatches} dispatches, ` +
      `${submits} ${submits === 1 ? 'submit' : 'submits'}, ${timeInWords(profile)}`,
  );
  const total = profile.milliseconds ?? profile.expectedMilliseconds;
  printTable(headings(false), [
    ...profile.kernels.map((share) => row(share, total, false)),
    row({ ...profile, kernel: 'all' }, total, false),
  ]);
  const shown = shapes.slice(0, SHAPES_SHOWN);
  printLine(shown.length < shapes.length ? `The slowest ${shown.length} of ${shapes.length} sizes:` : 'By sizes:');
  printTable(
    headings(true),
    shown.map((share) => row(share, total, true)),
  );
}

const headings = (hasSizes: boolean): string[] => [
  'Kernel',
  ...(hasSizes ? ['Sizes'] : []),
  ...['Calls', 'Dispatches', 'ms', 'Share', 'Expected', 'Of GEMM', 'Of copy', 'Million multiply-adds', 'MB'],
];

function row(share: Omit<KernelShare, 'kernel'> & { kernel: string }, total: number, hasSizes: boolean) {
  const { milliseconds, expectedMilliseconds } = share;
  const percent = (value: number | null) => (value === null ? '' : `${(100 * value).toFixed(0)} %`);
  return [
    share.kernel,
    ...(hasSizes ? [share.sizes ?? ''] : []),
    share.calls,
    share.dispatches,
    milliseconds === null ? 'not timed' : digits(milliseconds),
    percent((milliseconds ?? expectedMilliseconds) / total),
    digits(expectedMilliseconds),
    percent(share.fractionOfGemm),
    percent(share.fractionOfCopy),
    digits(share.multiplyAdds / 1e6),
    digits(share.bytes / 1e6),
  ];
}
