import activation from '../../../shaders/activation.wgsl';
import activationGradient from '../../../shaders/activation-gradient.wgsl';
import adamStep from '../../../shaders/adam-step.wgsl';
import add from '../../../shaders/add.wgsl';
import affineWarp from '../../../shaders/affine-warp.wgsl';
import averagePool2d from '../../../shaders/average-pool2d.wgsl';
import averagePool2dGradient from '../../../shaders/average-pool2d-gradient.wgsl';
import batchNorm from '../../../shaders/batch-norm.wgsl';
import batchNormInputGradient from '../../../shaders/batch-norm-input-gradient.wgsl';
import batchNormSums from '../../../shaders/batch-norm-sums.wgsl';
import batchNormTraining from '../../../shaders/batch-norm-training.wgsl';
import binary from '../../../shaders/binary.wgsl';
import channelMoments from '../../../shaders/channel-moments.wgsl';
import combine from '../../../shaders/combine.wgsl';
import concat from '../../../shaders/concat.wgsl';
import conv2d from '../../../shaders/conv2d.wgsl';
import conv2dFilterGradient from '../../../shaders/conv2d-filter-gradient.wgsl';
import conv2dInputGradient from '../../../shaders/conv2d-input-gradient.wgsl';
import crop from '../../../shaders/crop.wgsl';
import depthwiseConv2d from '../../../shaders/depthwise-conv2d.wgsl';
import depthwiseConv2dFilterGradient from '../../../shaders/depthwise-conv2d-filter-gradient.wgsl';
import depthwiseConv2dInputGradient from '../../../shaders/depthwise-conv2d-input-gradient.wgsl';
import divideByRoot from '../../../shaders/divide-by-root.wgsl';
import gemm from '../../../shaders/gemm.wgsl';
import gemmMatrices from '../../../shaders/gemm-matrices.wgsl';
import globalAveragePool from '../../../shaders/global-average-pool.wgsl';
import globalAveragePoolGradient from '../../../shaders/global-average-pool-gradient.wgsl';
import l2Normalize from '../../../shaders/l2-normalize.wgsl';
import l2NormalizeGradient from '../../../shaders/l2-normalize-gradient.wgsl';
import lanes from '../../../shaders/lanes.wgsl';
import lanes1 from '../../../shaders/lanes-1.wgsl';
import lanes4 from '../../../shaders/lanes-4.wgsl';
import matrices from '../../../shaders/matrices.wgsl';
import matricesByHand from '../../../shaders/matrices-by-hand.wgsl';
import maxPool2d from '../../../shaders/max-pool2d.wgsl';
import maxPool2dGradient from '../../../shaders/max-pool2d-gradient.wgsl';
import multiply from '../../../shaders/multiply.wgsl';
import narrow from '../../../shaders/narrow.wgsl';
import pad from '../../../shaders/pad.wgsl';
import prelu from '../../../shaders/prelu.wgsl';
import preluInputGradient from '../../../shaders/prelu-input-gradient.wgsl';
import preluSlopesGradient from '../../../shaders/prelu-slopes-gradient.wgsl';
import prelude from '../../../shaders/prelude.wgsl';
import reduce from '../../../shaders/reduce.wgsl';
import reduction from '../../../shaders/reduction.wgsl';
import repeat from '../../../shaders/repeat.wgsl';
import resample from '../../../shaders/resample.wgsl';
import resizeBilinear from '../../../shaders/resize-bilinear.wgsl';
import rightAnswers from '../../../shaders/right-answers.wgsl';
import rows from '../../../shaders/rows.wgsl';
import rowsSubgroups from '../../../shaders/rows-subgroups.wgsl';
import scale from '../../../shaders/scale.wgsl';
import scaleShift from '../../../shaders/scale-shift.wgsl';
import sgdStep from '../../../shaders/sgd-step.wgsl';
import sigmoid from '../../../shaders/sigmoid.wgsl';
import sigmoidGradient from '../../../shaders/sigmoid-gradient.wgsl';
import slice from '../../../shaders/slice.wgsl';
import softmax from '../../../shaders/softmax.wgsl';
import softmaxCrossEntropy from '../../../shaders/softmax-cross-entropy.wgsl';
import softmaxCrossEntropyGradient from '../../../shaders/softmax-cross-entropy-gradient.wgsl';
import softmaxGradient from '../../../shaders/softmax-gradient.wgsl';
import storageF16 from '../../../shaders/storage-f16.wgsl';
import storageF32 from '../../../shaders/storage-f32.wgsl';
import sumRows from '../../../shaders/sum-rows.wgsl';
import transpose from '../../../shaders/transpose.wgsl';
import unary from '../../../shaders/unary.wgsl';
import updateMoments from '../../../shaders/update-moments.wgsl';
import view from '../../../shaders/view.wgsl';
import widen from '../../../shaders/widen.wgsl';
import window from '../../../shaders/window.wgsl';
import winogradFilter from '../../../shaders/winograd-filter.wgsl';
import winogradInput from '../../../shaders/winograd-input.wgsl';
import winogradOutput from '../../../shaders/winograd-output.wgsl';
import winogradProducts from '../../../shaders/winograd-products.wgsl';

const numbers = lanes1 + lanes;
const vectors = lanes4 + lanes;

/** A workgroup a row: what folds its threads' results is one of two pieces. */
const rowSources = {
  l2NormalizeGradient,
  l2Normalize,
  rightAnswers,
  softmaxCrossEntropyGradient,
  softmaxCrossEntropy,
  softmaxGradient,
  softmax,
};

/** Products on tensor cores: what a subgroup computes is one of two pieces. */
const matrixSources = {
  conv2dMatrices: vectors + gemmMatrices + conv2d,
  conv2dInputGradientMatrices: vectors + gemmMatrices + conv2dInputGradient,
  conv2dFilterGradientMatrices: vectors + gemmMatrices + conv2dFilterGradient,
};

/** Each file, after the pieces that it shares with others; some once for numbers and once for vectors of four. */
const sources = {
  ...rowSources,
  ...matrixSources,
  activationGradient: numbers + activationGradient,
  activationGradientVectors: vectors + activationGradient,
  activation: numbers + activation,
  activationVectors: vectors + activation,
  adamStep,
  add: numbers + add,
  addVectors: vectors + add,
  affineWarp,
  averagePool2dGradient: window + averagePool2dGradient,
  averagePool2d,
  batchNormInputGradient: numbers + batchNormInputGradient,
  batchNormInputGradientVectors: vectors + batchNormInputGradient,
  batchNormSums: numbers + reduction + batchNormSums,
  batchNormSumsVectors: vectors + reduction + batchNormSums,
  batchNormTraining: numbers + batchNormTraining,
  batchNormTrainingVectors: vectors + batchNormTraining,
  batchNorm,
  binary,
  channelMoments: numbers + channelMoments,
  channelMomentsVectors: vectors + channelMoments,
  combine,
  concat,
  conv2dFilterGradient: numbers + gemm + conv2dFilterGradient,
  conv2dFilterGradientVectors: vectors + gemm + conv2dFilterGradient,
  conv2dInputGradient: numbers + gemm + conv2dInputGradient,
  conv2dInputGradientVectors: vectors + gemm + conv2dInputGradient,
  conv2d: numbers + gemm + conv2d,
  conv2dVectors: vectors + gemm + conv2d,
  crop,
  depthwiseConv2dFilterGradient: reduction + depthwiseConv2dFilterGradient,
  depthwiseConv2dInputGradient: numbers + window + depthwiseConv2dInputGradient,
  depthwiseConv2dInputGradientVectors: vectors + window + depthwiseConv2dInputGradient,
  depthwiseConv2d: numbers + depthwiseConv2d,
  depthwiseConv2dVectors: vectors + depthwiseConv2d,
  divideByRoot,
  globalAveragePoolGradient,
  globalAveragePool,
  maxPool2dGradient: window + maxPool2dGradient,
  maxPool2d,
  multiply,
  narrow: numbers + narrow,
  narrowVectors: vectors + narrow,
  pad,
  preluInputGradient,
  preluSlopesGradient: reduction + preluSlopesGradient,
  prelu,
  reduce,
  repeat,
  resample,
  resizeBilinear,
  scaleShift,
  scale,
  sgdStep,
  sigmoidGradient,
  sigmoid,
  slice,
  sumRows: numbers + reduction + sumRows,
  sumRowsVectors: vectors + reduction + sumRows,
  transpose,
  unary,
  updateMoments,
  view,
  winogradFilter,
  winogradInput,
  winogradOutput: vectors + winogradOutput,
  winogradProducts: vectors + gemm + winogradProducts,
  widen: numbers + widen,
  widenVectors: vectors + widen,
};

export type ShaderName = keyof typeof sources;

export const SHADER_NAMES = Object.keys(sources).filter((name): name is ShaderName => name in sources);

/** Whether a shader is a product of small matrices, whose text needs the sizes of a tile. */
export const isOfMatrices = (shader: ShaderName): boolean => shader in matrixSources;

/** What the buffers hold that a shader declares as `real`. */
export type Storage = 'f32' | 'f16';

/** What a shader's text depends on. */
export interface ShaderForm {
  /** Whether rows are folded in subgroups: the device has them, and WGSL their numbers (the language feature subgroup_id). */
  subgroups: boolean;
  /** Who multiplies small matrices: the device, or plain WGSL in its place. */
  matrices: 'device' | 'by hand';
  /** f16 needs a device with shader-f16. Default f32. */
  storage?: Storage | undefined;
  /** Constants of the text; see Dispatch. */
  sizes?: Readonly<Record<string, number>> | undefined;
}

const DIRECTIVE = /^enable .*;\n/gm;

/** The text of a shader, after the pieces that it shares with others. */
export function shaderSource(shader: ShaderName, form: ShaderForm): string {
  const { subgroups, matrices: multiplier, storage = 'f32', sizes = {} } = form;
  const text = [
    storage === 'f16' ? storageF16 : storageF32,
    ...(shader in rowSources ? [subgroups ? rowsSubgroups : rows] : []),
    ...(isOfMatrices(shader) ? [multiplier === 'device' ? matrices : matricesByHand] : []),
    ...Object.entries(sizes).map(([name, value]) => `const ${name} = ${value}u;`),
    prelude,
    sources[shader],
  ].join('\n');
  // Directives may stand only before everything else.
  return [...(text.match(DIRECTIVE) ?? []), text.replace(DIRECTIVE, '')].join('');
}
