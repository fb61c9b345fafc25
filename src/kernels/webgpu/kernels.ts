import type { KernelCall, KernelName } from '../kernel';
import { activation } from './activation';
import { activationGradient } from './activation-gradient';
import { adamStep } from './adam-step';
import { add } from './add';
import { affineWarp } from './affine-warp';
import { averagePool2d } from './average-pool2d';
import { batchNorm } from './batch-norm';
import { batchNormInputGradient, batchNormSums, batchNormTraining, channelMoments } from './batch-norm-training';
import { channelSums } from './channel-sums';
import { combine } from './combine';
import { concat } from './concat';
import { conv2d } from './conv2d';
import { conv2dFilterGradient, conv2dInputGradient } from './conv2d-gradient';
import { crop } from './crop';
import { depthwiseConv2d } from './depthwise-conv2d';
import { depthwiseConv2dFilterGradient, depthwiseConv2dInputGradient } from './depthwise-conv2d-gradient';
import { type Dispatch, scratchOf, type WebgpuKernel } from './dispatch';
import { divideByRoot } from './divide-by-root';
import { globalAveragePool } from './global-average-pool';
import { globalAveragePoolGradient } from './global-average-pool-gradient';
import { binary, reduce, resample, unary, view } from './graph-kernels';
import { l2Normalize } from './l2-normalize';
import { l2NormalizeGradient } from './l2-normalize-gradient';
import { matmul } from './matmul';
import { maxPool2d } from './max-pool2d';
import { multiply } from './multiply';
import { pad } from './pad';
import { dispatchesInPieces, exceeds, refusal } from './pieces';
import { averagePool2dGradient, maxPool2dGradient } from './pool2d-gradient';
import { prelu } from './prelu';
import { preluInputGradient, preluSlopesGradient } from './prelu-gradient';
import { repeat } from './repeat';
import { resizeBilinear } from './resize-bilinear';
import { rightAnswers } from './right-answers';
import { scale } from './scale';
import { scaleShift } from './scale-shift';
import { sgdStep } from './sgd-step';
import { sigmoid } from './sigmoid';
import { sigmoidGradient } from './sigmoid-gradient';
import { slice } from './slice';
import { softmax } from './softmax';
import { softmaxCrossEntropy, softmaxCrossEntropyGradient } from './softmax-cross-entropy';
import { softmaxGradient } from './softmax-gradient';
import { updateMoments } from './update-moments';

const kernels: { [K in KernelName]: WebgpuKernel<K> } = {
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

function wholeCall<K extends KernelName>(call: KernelCall<K>): Dispatch[] {
  const kernel: WebgpuKernel<K> = kernels[call.kernel];
  return kernel(call);
}

/**
 * What the GPU does for a call, in pieces where an operand has more than `limit` numbers, which is what can be bound.
 * @throws Error when the call cannot be cut
 */
export function dispatchesOf(call: KernelCall, limit: number): Dispatch[] {
  const dispatches = exceeds(call, limit) ? dispatchesInPieces(call, limit, wholeCall) : wholeCall(call);
  for (const { length } of dispatches.flatMap(scratchOf))
    if (length > limit) throw refusal(call, limit, `it needs ${length} numbers at once for its partial sums`);
  return dispatches;
}
