import activation from '../../../shaders/activation.wgsl';
import add from '../../../shaders/add.wgsl';
import affineWarp from '../../../shaders/affine-warp.wgsl';
import averagePool2d from '../../../shaders/average-pool2d.wgsl';
import batchNorm from '../../../shaders/batch-norm.wgsl';
import concat from '../../../shaders/concat.wgsl';
import conv2d from '../../../shaders/conv2d.wgsl';
import depthwiseConv2d from '../../../shaders/depthwise-conv2d.wgsl';
import globalAveragePool from '../../../shaders/global-average-pool.wgsl';
import l2Normalize from '../../../shaders/l2-normalize.wgsl';
import maxPool2d from '../../../shaders/max-pool2d.wgsl';
import multiply from '../../../shaders/multiply.wgsl';
import pad from '../../../shaders/pad.wgsl';
import prelu from '../../../shaders/prelu.wgsl';
import prelude from '../../../shaders/prelude.wgsl';
import resizeBilinear from '../../../shaders/resize-bilinear.wgsl';
import scale from '../../../shaders/scale.wgsl';
import scaleShift from '../../../shaders/scale-shift.wgsl';
import sigmoid from '../../../shaders/sigmoid.wgsl';
import softmax from '../../../shaders/softmax.wgsl';

const sources = {
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

export type ShaderName = keyof typeof sources;

export const SHADER_NAMES = Object.keys(sources).filter((name): name is ShaderName => name in sources);

/** The text of a shader, after the few functions that all of them share. */
export const shaderSource = (shader: ShaderName): string => `${prelude}\n${sources[shader]}`;
