import type { KernelCall, KernelName } from '../kernel';
import { activation } from './activation';
import { add } from './add';
import { affineWarp } from './affine-warp';
import { averagePool2d } from './average-pool2d';
import { batchNorm } from './batch-norm';
import { concat } from './concat';
import { conv2d } from './conv2d';
import { depthwiseConv2d } from './depthwise-conv2d';
import type { Dispatch, WebgpuKernel } from './dispatch';
import { globalAveragePool } from './global-average-pool';
import { l2Normalize } from './l2-normalize';
import { matmul } from './matmul';
import { maxPool2d } from './max-pool2d';
import { multiply } from './multiply';
import { pad } from './pad';
import { prelu } from './prelu';
import { resizeBilinear } from './resize-bilinear';
import { scale } from './scale';
import { scaleShift } from './scale-shift';
import { sigmoid } from './sigmoid';
import { softmax } from './softmax';

const kernels: { [K in KernelName]: WebgpuKernel<K> } = {
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

/** What the GPU does for a call. */
export function dispatchesOf<K extends KernelName>(call: KernelCall<K>): Dispatch[] {
  const kernel: WebgpuKernel<K> = kernels[call.kernel];
  return kernel(call);
}
