import type { Precision } from '../kernels/backend';
import { bytesMoved } from '../kernels/bytes';
import type { KernelName } from '../kernels/kernel';
import { multiplyAdds } from '../kernels/multiply-adds';
import type { WebgpuBackend } from '../kernels/webgpu/backend';
import { programTurn } from './gpu-times';
import { type KernelCase, prepareCase, product } from './kernel-case';
import { medianTimes } from './measure';

/** The most that a device was seen to do, which other kernels are measured by. */
export interface Ceilings {
  /** Of a large product of square matrices: two operations for each multiply-add. */
  gflops: number;
  /** Read and written, of a large array whose every number is scaled. */
  gigabytesPerSecond: number;
  /** The side of the matrices. */
  side: number;
  /** Numbers in the array. */
  length: number;
}

/** Large enough to keep a card busy for milliseconds, and not to fit into its caches. */
const SIZES = { side: 4096, length: 2 ** 26 };
/** For a driver that computes on the CPU. */
const SOFTWARE_SIZES = { side: 256, length: 2 ** 20 };

const copy = (length: number): KernelCase<'scale'> => ({
  title: `${length} numbers`,
  call: ({ output }) => ({
    kernel: 'scale',
    inputs: { input: output(length) }, // whatever is in there
    outputs: { output: output(length) },
    attributes: { length, factor: 1, offset: 0 },
  }),
});

/** Turns until a card that slept has its full clock. */
const WARM_UPS = 20;

/** Measures both, for about as many seconds as told each; in half precision with 16 bits a number. */
export async function measureCeilings(
  backend: WebgpuBackend,
  { seconds, signal, precision }: { seconds: number; signal?: AbortSignal; precision?: Precision },
): Promise<Ceilings> {
  const { side, length } = backend.isSoftware ? SOFTWARE_SIZES : SIZES;
  const measure = async (one: KernelCase<KernelName>) => {
    const { program, call, dispose } = await prepareCase(backend, one, precision);
    try {
      const [milliseconds] = await medianTimes([programTurn(backend, program, signal)], { seconds, warmUps: WARM_UPS });
      return { call, milliseconds };
    } finally {
      dispose();
    }
  };
  const multiplied = await measure(product(side, side, side));
  const copied = await measure(copy(length));
  const share = precision === 'half' ? 0.5 : 1;
  return {
    gflops: (2 * multiplyAdds(multiplied.call)) / multiplied.milliseconds / 1e6,
    gigabytesPerSecond: (bytesMoved(copied.call) * share) / copied.milliseconds / 1e6,
    side,
    length,
  };
}
