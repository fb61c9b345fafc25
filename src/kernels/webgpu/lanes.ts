import type { ShaderName } from './shaders';

/** Shaders that are written once for numbers (lanes-1.wgsl) and for vectors of four (lanes-4.wgsl). */
export type LaneShader =
  | 'activation'
  | 'activationGradient'
  | 'add'
  | 'batchNormInputGradient'
  | 'batchNormSums'
  | 'batchNormTraining'
  | 'channelMoments'
  | 'conv2d'
  | 'conv2dFilterGradient'
  | 'conv2dInputGradient'
  | 'depthwiseConv2d'
  | 'depthwiseConv2dInputGradient'
  | 'narrow'
  | 'sumRows'
  | 'widen';

/** How many numbers a thread can take at once when rows are of these lengths. */
export const lanesOf = (...lengths: number[]): 1 | 4 => (lengths.every((length) => length % 4 === 0) ? 4 : 1);

/** The shader for that many numbers at once. It is told lengths in such portions. */
export const withLanes = (shader: LaneShader, lanes: 1 | 4): ShaderName => (lanes === 4 ? `${shader}Vectors` : shader);
