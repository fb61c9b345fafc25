import type { Random } from '../tensor/random';

/** What draws one number of a weight. */
export type Draw = (random: Random) => number;

export const constant =
  (value: number): Draw =>
  () =>
    value;

/**
 * He et al. 2015 (Delving Deep into Rectifiers), section 2.2: normal with variance 2 / fan, so that a signal keeps its
 * size through convolutions and ReLUs. The fan counts outputs, window size * outChannels, as torchvision's ResNets do
 * (`kaiming_normal_(mode='fan_out')`): it is the gradient, on its way back, that keeps its size.
 */
export const heNormal = (fan: number): Draw => {
  const deviation = Math.sqrt(2 / fan);
  return (random) => deviation * random.normal();
};

/** Uniform within 1 / sqrt(fanIn): what PyTorch's Linear starts with. */
export const uniformFanIn = (fanIn: number): Draw => {
  const bound = 1 / Math.sqrt(fanIn);
  return (random) => random.between(-bound, bound);
};
