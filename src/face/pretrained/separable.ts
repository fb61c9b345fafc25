import type { Parameters } from '../../nn/parameters';
import { conv2d } from '../../tensor/ops/conv2d';
import { depthwiseConv2d } from '../../tensor/ops/depthwise-conv2d';
import type { Tensor } from '../../tensor/tensor';

/** A 3x3 filter for each channel, then a 1x1 convolution that mixes them, with nothing between the two. */
export function separableConv2d(input: Tensor, weights: Parameters, stride = 1): Tensor {
  const filtered = depthwiseConv2d(input, weights.get('depthwise_filter'), { stride });
  return conv2d(filtered, weights.get('pointwise_filter'), { bias: weights.get('bias') });
}
