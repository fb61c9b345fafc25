import type { Backend, DeviceName } from '../kernels/backend';
import { median, repeatedTimes } from './measure';
import type { Task, TaskName } from './tasks';

/** What one device needs for a task. */
export interface DeviceTime {
  device: DeviceName;
  /** The median for the whole batch; null where it was left out. */
  milliseconds: number | null;
  gflops: number | null;
  /** Why it was left out. */
  skipped?: string;
}

/** A task on every device. */
export interface ComparedTask {
  task: TaskName;
  title: string;
  batch: number;
  /** The textbook's multiply-adds of the whole batch. */
  multiplyAdds: number;
  times: DeviceTime[];
}

/** A run that would take longer than this (milliseconds) is left out. */
const LONGEST_RUN = 6000;

export interface CompareOptions {
  seconds: number;
  signal?: AbortSignal;
  /** Told of each device's result. */
  note?: (task: Task, time: DeviceTime) => void;
}

/**
 * Tasks on devices. How long a device would need is judged by its speed in the largest task that it has done so far.
 *
 * @param backends the first must be fast: it does everything, and tells how many multiply-adds a task has
 */
export async function compareTasks(
  backends: readonly Backend[],
  tasks: readonly Task[],
  { seconds, signal, note = () => {} }: CompareOptions,
): Promise<ComparedTask[]> {
  const largest = new Map<Backend, { multiplyAdds: number; milliseconds: number }>();
  const compared: ComparedTask[] = [];
  for (const one of tasks) {
    let multiplyAdds = 0;
    const times: DeviceTime[] = [];
    for (const backend of backends) {
      signal?.throwIfAborted();
      const done = largest.get(backend);
      const estimate = done ? (multiplyAdds / done.multiplyAdds) * done.milliseconds : 0;
      if (backend !== backends[0] && estimate > LONGEST_RUN) times.push(leftOut(backend, estimate));
      else {
        const measured = await measure(backend, one, seconds, signal);
        multiplyAdds = measured.multiplyAdds;
        if (!done || multiplyAdds > done.multiplyAdds) largest.set(backend, measured);
        const { milliseconds } = measured;
        times.push({ device: backend.name, milliseconds, gflops: (2 * multiplyAdds) / milliseconds / 1e6 });
      }
      note(one, times[times.length - 1]);
    }
    compared.push({ task: one.task, title: one.title, batch: one.batch, multiplyAdds, times });
  }
  return compared;
}

async function measure(backend: Backend, one: Task, seconds: number, signal: AbortSignal | undefined) {
  const { multiplyAdds, run, dispose } = await one.open(backend);
  try {
    return { multiplyAdds, milliseconds: median(await repeatedTimes(run, { seconds, ...(signal && { signal }) })) };
  } finally {
    dispose();
  }
}

const leftOut = ({ name }: Backend, estimate: number): DeviceTime => ({
  device: name,
  milliseconds: null,
  gflops: null,
  skipped: `a run would take about ${Math.round(estimate / 1000)} s`,
});
