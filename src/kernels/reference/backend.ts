import type { Backend } from '../backend';
import type { KernelCall, KernelName, Slot } from '../kernel';
import { activation, activationGradient } from './activation';
import { adamStep } from './adam-step';
import { add } from './add';
import { affineWarp } from './affine-warp';
import { batchNorm, batchNormInputGradient, batchNormSums, batchNormTraining, channelMoments } from './batch-norm';
import { channelSums } from './channel-sums';
import { combine } from './combine';
import { concat, slice } from './concat';
import { conv2d, conv2dFilterGradient, conv2dInputGradient } from './conv2d';
import { softmaxCrossEntropy, softmaxCrossEntropyGradient } from './cross-entropy';
import { depthwiseConv2d, depthwiseConv2dFilterGradient, depthwiseConv2dInputGradient } from './depthwise-conv2d';
import { divideByRoot } from './divide-by-root';
import { globalAveragePool, globalAveragePoolGradient } from './global-average-pool';
import { l2Normalize, l2NormalizeGradient } from './l2-normalize';
import { matmul } from './matmul';
import { multiply } from './multiply';
import { crop, pad } from './pad';
import { averagePool2d, averagePool2dGradient, maxPool2d, maxPool2dGradient } from './pool2d';
import { prelu, preluInputGradient, preluSlopesGradient } from './prelu';
import { reduce } from './reduce';
import type { ReferenceKernel } from './reference-kernel';
import { repeat } from './repeat';
import { resample } from './resample';
import { resizeBilinear } from './resize-bilinear';
import { rightAnswers } from './right-answers';
import { scale } from './scale';
import { scaleShift } from './scale-shift';
import { sgdStep } from './sgd-step';
import { sigmoid, sigmoidGradient } from './sigmoid';
import { softmax, softmaxGradient } from './softmax';
import { unary } from './unary';
import { updateMoments } from './update-moments';
import { binary, view } from './view';

const kernels: { [K in KernelName]: ReferenceKernel<K> } = {
  activation,
  activationGradient,
  adamStep,
  add,
  affineWarp,
  averagePool2d,
  averagePool2dGradient,
  batchNorm,
  batchNormInputGradient,
  batchNormSums,
  batchNormTraining,
  binary,
  channelMoments,
  channelSums,
  combine,
  concat,
  conv2d,
  conv2dFilterGradient,
  conv2dInputGradient,
  crop,
  depthwiseConv2d,
  depthwiseConv2dFilterGradient,
  depthwiseConv2dInputGradient,
  divideByRoot,
  globalAveragePool,
  globalAveragePoolGradient,
  l2Normalize,
  l2NormalizeGradient,
  matmul,
  maxPool2d,
  maxPool2dGradient,
  multiply,
  pad,
  prelu,
  preluInputGradient,
  preluSlopesGradient,
  reduce,
  repeat,
  resample,
  resizeBilinear,
  rightAnswers,
  scale,
  scaleShift,
  sgdStep,
  sigmoid,
  sigmoidGradient,
  slice,
  softmax,
  softmaxCrossEntropy,
  softmaxCrossEntropyGradient,
  softmaxGradient,
  unary,
  updateMoments,
  view,
};

const HALF_REFUSAL = 'reference: half precision is for GPUs; open a webgpu device, or compile with full precision';

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
    halfRefusal: HALF_REFUSAL,
    bytesOfNumber: 8,
    isAsynchronous: false,
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
    async prepare(calls, _, { half } = {}) {
      if (half) throw new Error(HALF_REFUSAL);
      const current = [...calls];
      return {
        change: (changed) => {
          for (const [index, call] of changed) current[index] = call;
        },
        run: () => current.forEach(run),
        free: () => {},
      };
    },
    async close() {
      storage.clear();
      liveBytes = 0;
    },
  };
}
