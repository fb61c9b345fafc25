import { type TaskName, tasksOf } from '../bench/tasks';
import { type TunedShape, tunableCalls, tuneCall } from '../bench/tune';
import { multiplyAdds } from '../kernels/multiply-adds';
import type { BenchOptions } from './bench';
import { openGpu } from './gpu';
import { digits, printJson, printLine, printTable, tell } from './output';
import { writeTiles } from './tiles';

/** `likeness bench --tune --json`. */
export interface TuneReport {
  device: string;
  /** Where the choices are kept; every command uses them from now on. */
  file: string;
  shapes: TunedShape[];
  /** How many were too large for a GPU in software. */
  skipped: number;
}

const TUNED: readonly TaskName[] = ['face-resnet', 'mini-resnet', 'train-step', 'gemm'];
/** Multiply-adds that a GPU in software is given at most: in a task that is run once, and in a call that is measured. */
const SOFTWARE_LIMIT = { task: 3e8, call: 2e6 };

/** `likeness bench --tune`: which tiles are fastest here for the sizes of the networks, kept for every later run. */
export async function benchTune(options: BenchOptions, signal: AbortSignal): Promise<void> {
  const { task, batch, seconds, json, progress } = options;
  const backend = await openGpu(options, false);
  try {
    const note = (sentence: string) => {
      if (progress) tell(sentence);
    };
    const tasks = (task ? [task] : TUNED).flatMap((name) => tasksOf(name, batch));
    const all = await tunableCalls(backend, tasks, {
      limit: backend.isSoftware ? SOFTWARE_LIMIT.task : Number.POSITIVE_INFINITY,
      signal,
    });
    const calls = backend.isSoftware ? all.filter((call) => multiplyAdds(call) <= SOFTWARE_LIMIT.call) : all;
    const skipped = all.length - calls.length;
    note(`${calls.length} shapes to measure`);
    if (skipped > 0) note(`${skipped} larger ones are left out: this GPU is a driver that computes on the CPU`);
    const shapes: TunedShape[] = [];
    for (const call of calls) {
      const tuned = await tuneCall(backend, call, { seconds, signal });
      note(`${tuned.shape}: ${choiceInWords(tuned)}`);
      shapes.push(tuned);
    }
    const better = new Map(shapes.flatMap(({ shape, chosen }) => (chosen === undefined ? [] : [[shape, chosen]])));
    const file = await writeTiles(
      backend.description,
      better,
      shapes.map(({ shape }) => shape),
    );
    const report: TuneReport = { device: backend.description, file, shapes, skipped };
    if (json) return printJson(report);
    printTable(
      ['Shape', 'Fastest tile', 'ms', 'Rule of thumb, ms', 'Times faster', 'Slowest tile, ms'],
      shapes.map(({ shape, tiles, ruleMilliseconds, chosen }) => [
        shape,
        chosen ?? 'as the rule of thumb',
        digits(chosen === undefined ? ruleMilliseconds : tiles[0].milliseconds),
        digits(ruleMilliseconds),
        chosen === undefined ? '1' : digits(ruleMilliseconds / tiles[0].milliseconds),
        digits(tiles[tiles.length - 1].milliseconds),
      ]),
    );
    printLine(`Written: ${file}; every command on ${backend.description} uses it.`);
    if (skipped > 0) printLine(`${skipped} larger shapes were left out, for this GPU computes on the CPU.`);
  } finally {
    await backend.close();
  }
}

const choiceInWords = ({ chosen, tiles, ruleMilliseconds }: TunedShape): string =>
  chosen === undefined
    ? `the rule of thumb is right, ${digits(ruleMilliseconds)} ms`
    : `${chosen}, ${digits(tiles[0].milliseconds)} ms instead of ${digits(ruleMilliseconds)}`;
