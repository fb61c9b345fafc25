import type * as engine from '../../src/tensor/index';

/** What the engine exports that is no operation on tensors. */
export const NO_OPERATIONS = [
  'differentiable',
  'gradients',
  'noGradient',
  'openDevice',
  'openReference',
  'parameter',
  'random',
  'randomFromState',
  'readSafetensors',
  'scope',
  'ShapeError',
  'Tensor',
  'unscoped',
  'writeSafetensors',
] as const;

/** Operations that say so when their gradient is asked for. */
export const NO_GRADIENT = ['affineWarp', 'divideByRoot', 'resizeBilinear', 'rightAnswers'] as const;

export type Operation = Exclude<keyof typeof engine, (typeof NO_OPERATIONS)[number]>;
export type Differentiable = Exclude<Operation, (typeof NO_GRADIENT)[number]>;
