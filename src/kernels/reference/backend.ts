import type { Backend } from '../backend';
import type { KernelCall, KernelName, Slot } from '../kernel';
import { activation } from './activation';
import { add } from './add';
import { affineWarp } from './affine-warp';
import { batchNorm } from './batch-norm';
import { concat } from './concat';
import { conv2d } from './conv2d';
import { depthwiseConv2d } from './depthwise-conv2d';
import { globalAveragePool } from './global-average-pool';
import { l2Normalize } from './l2-normalize';
import { matmul } from './matmul';
import { multiply } from './multiply';
import { pad } from './pad';
import { averagePool2d, maxPool2d } from './pool2d';
import { prelu } from './prelu';
import type { ReferenceKernel } from './reference-kernel';
import { resizeBilinear } from './resize-bilinear';
import { scale } from './scale';
import { scaleShift } from './scale-shift';
import { sigmoid } from './sigmoid';
import { softmax } from './softmax';

const kernels: { [K in KernelName]: ReferenceKernel<K> } = {
  activation,
  add,
  affineWarp,
  averagePool2d,
  batchNorm,
  concat,
  conv2d,
  depthwiseConv2d,
  globalAveragePool,
  l2Normalize,
  matmul,
  maxPool2d,
  multiply,
  pad,
  prelu,
  resizeBilinear,
  scale,
  scaleShift,
  sigmoid,
  softmax,
};

/** The mathematics as plain loops in float64: slow on purpose, and what the other backends are measured against. */
export function openReference(): Backend {
  const storage = new Map<Slot, Float64Array>();
  let liveBytes = 0;

  const at = (slot: Slot): Float64Array => {
    const numbers = storage.get(slot);
    if (!numbers) throw new Error(`reference: a slot of ${slot.length} numbers was used after it was freed`);
    return numbers;
  };
  const run = <K extends KernelName>(call: KernelCall<K>) => {
    const kernel: ReferenceKernel<K> = kernels[call.kernel];
    kernel(call, at);
  };

  return {
    name: 'reference',
    description: 'plain loops in float64, one thread',
    get liveBytes() {
      return liveBytes;
    },
    allocate(length) {
      const slot: Slot = { length };
      storage.set(slot, new Float64Array(length));
      liveBytes += 8 * length;
      return slot;
    },
    free(slot) {
      liveBytes -= at(slot).byteLength;
      storage.delete(slot);
    },
    write: (slot, values, offset = 0) => at(slot).set(values, offset),
    copy(from, to, { length, fromOffset = 0, toOffset = 0 }) {
      if (fromOffset + length > from.length)
        throw new RangeError(`reference: copied ${length} numbers from ${fromOffset} of a slot of ${from.length}`);
      at(to).set(at(from).subarray(fromOffset, fromOffset + length), toOffset);
    },
    read: async (slot) => at(slot).slice(),
    run,
    async prepare(calls) {
      return { run: () => calls.forEach(run), free: () => {} };
    },
    async close() {
      storage.clear();
      liveBytes = 0;
    },
  };
}
