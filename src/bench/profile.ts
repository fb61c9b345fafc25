import { bytesMoved } from '../kernels/bytes';
import type { KernelCall, KernelName } from '../kernels/kernel';
import { multiplyAdds } from '../kernels/multiply-adds';
import type { WebgpuBackend } from '../kernels/webgpu/backend';
import type { Profile } from '../kernels/webgpu/profile';
import type { Ceilings } from './ceilings';
import type { Task } from './tasks';

/** What all calls of one kernel, or all those of the same sizes, come to in one run of a task. */
export interface KernelShare {
  kernel: KernelName;
  /** In words; none for a kernel of all sizes. */
  sizes?: string;
  calls: number;
  dispatches: number;
  /** On the GPU; null where it takes no timestamps. */
  milliseconds: number | null;
  /** What the ceilings allow: the longer of the multiply-adds and of the bytes, for each call. */
  expectedMilliseconds: number;
  multiplyAdds: number;
  /** Each operand read once, each output written once, in 16 bits a number where the call is done in halves. */
  bytes: number;
  /** Of the ceiling of products, and of that of copies; null without times. */
  fractionOfGemm: number | null;
  fractionOfCopy: number | null;
}

export interface TaskProfile extends Omit<KernelShare, 'kernel' | 'sizes'> {
  task: Task['task'];
  title: string;
  batch: number;
  submits: number;
  kernels: KernelShare[];
  /** The same, by their sizes as well; the slowest come first in both. */
  shapes: KernelShare[];
}

/** One run of a task, taken apart; of several runs that whose time is the median, after one that only warms up. */
export async function profileTask(
  backend: WebgpuBackend,
  { task, title, batch, open }: Task,
  ceilings: Ceilings,
  { runs, signal }: { runs: number; signal?: AbortSignal },
): Promise<TaskProfile> {
  const { run, dispose } = await open(backend);
  const profiles: { profile: Profile; total: number }[] = [];
  try {
    if (runs > 1) await run(1);
    for (let k = 0; k < runs; k++) {
      signal?.throwIfAborted();
      const profile = await backend.profile(() => run(1));
      profiles.push({ profile, total: profile.calls.reduce((sum, call) => sum + (call.milliseconds ?? 0), 0) });
    }
  } finally {
    dispose();
  }
  profiles.sort((a, b) => a.total - b.total);
  const { profile } = profiles[profiles.length >> 1];
  const measured = profile.calls.flatMap(({ call, shaders, isHalf, milliseconds }) =>
    call ? [{ call, dispatches: shaders.length, isHalf, milliseconds }] : [],
  );
  const group = (keyOf: (call: KernelCall) => string, hasSizes: boolean): KernelShare[] => {
    const groups = new Map<string, MeasuredCall[]>();
    for (const one of measured) {
      const members = groups.get(keyOf(one.call));
      if (members) members.push(one);
      else groups.set(keyOf(one.call), [one]);
    }
    const shares = Array.from(groups.values(), (members): KernelShare => {
      const [{ call }] = members;
      return { kernel: call.kernel, ...(hasSizes && { sizes: sizesInWords(call) }), ...sumUp(members, ceilings) };
    });
    return shares.sort((a, b) => timeOf(b) - timeOf(a));
  };
  return {
    ...{ task, title, batch, submits: profile.submits },
    ...sumUp(measured, ceilings),
    kernels: group(({ kernel }) => kernel, false),
    shapes: group((call) => `${call.kernel} ${sizesInWords(call)}`, true),
  };
}

const timeOf = ({ milliseconds, expectedMilliseconds }: KernelShare): number => milliseconds ?? expectedMilliseconds;

interface MeasuredCall {
  call: KernelCall;
  dispatches: number;
  isHalf: boolean;
  milliseconds: number | undefined;
}

function sumUp(
  calls: readonly MeasuredCall[],
  { gflops, gigabytesPerSecond }: Ceilings,
): Omit<KernelShare, 'kernel' | 'sizes'> {
  const add = (value: (one: MeasuredCall) => number) => calls.reduce((sum, one) => sum + value(one), 0);
  const isTimed = calls.every(({ milliseconds }) => milliseconds !== undefined);
  const milliseconds = isTimed ? add((one) => one.milliseconds ?? 0) : null;
  const computing = ({ call }: MeasuredCall) => (2 * multiplyAdds(call)) / gflops / 1e6;
  const bytesOf = ({ call, isHalf }: MeasuredCall) => bytesMoved(call) * (isHalf ? 0.5 : 1);
  const moving = (one: MeasuredCall) => bytesOf(one) / gigabytesPerSecond / 1e6;
  const fraction = (ideal: number) => (milliseconds ? ideal / milliseconds : null);
  return {
    calls: calls.length,
    dispatches: add(({ dispatches }) => dispatches),
    milliseconds,
    expectedMilliseconds: add((one) => Math.max(computing(one), moving(one))),
    multiplyAdds: add(({ call }) => multiplyAdds(call)),
    bytes: add(bytesOf),
    fractionOfGemm: fraction(add(computing)),
    fractionOfCopy: fraction(add(moving)),
  };
}

/** What makes two calls of a kernel take different time. */
export function sizesInWords(call: KernelCall): string {
  const sizes = new Map(Object.entries<unknown>({ ...call.attributes }));
  const at = (name: string) => String(sizes.get(name));
  if (sizes.has('filterHeight')) {
    const [from, to] = sizes.has('channels') ? ['channels', 'channels'] : ['inChannels', 'outChannels'];
    const image = `${at('batch')}x${at('height')}x${at('width')}x${at(from)}`;
    return `${image}, ${at('filterHeight')}x${at('filterWidth')}/${at('strideY')}, to ${at(to)}`;
  }
  if (call.kernel === 'matmul') {
    const { rows, inner, columns, transposeLeft, transposeRight } = call.attributes;
    const transposed = (is: boolean) => (is ? ' transposed' : '');
    return `${rows}x${inner}${transposed(transposeLeft)} by ${inner}x${columns}${transposed(transposeRight)}`;
  }
  const named = ['length', 'rows', 'columns', 'batch', 'positions', 'height', 'width', 'outHeight', 'channels'];
  return named
    .filter((name) => sizes.has(name))
    .map((name) => `${name} ${at(name)}`)
    .join(', ');
}
