import type { Forward } from '../../nn/compile';
import type { Parameters } from '../../nn/parameters';
import { relu } from '../../tensor/ops/activations';
import { add } from '../../tensor/ops/arithmetic';
import { conv2d } from '../../tensor/ops/conv2d';
import { matmul } from '../../tensor/ops/matmul';
import { averagePool2d } from '../../tensor/ops/pool2d';
import type { Tensor } from '../../tensor/tensor';
import { normalizeMean } from './normalize';
import { separableConv2d } from './separable';

export const LANDMARK_MEAN = [122.782, 117.001, 104.298];

/**
 * face-api's landmark networks: 68 points in iBUG's order, as x, y from 0 to 1 across the input.
 *
 * input  [batch, 112, 112, 3], RGB 0 to 255
 * output [batch, 136]: x, y of each point in turn
 */
export const faceLandmarks68 = (weights: Parameters): Forward =>
  landmarks(weights, ['dense0', 'dense1', 'dense2', 'dense3']);

/** The same with three shorter blocks: a quarter of the weights, less exact. */
export const faceLandmarks68Tiny = (weights: Parameters): Forward => landmarks(weights, ['dense0', 'dense1', 'dense2']);

const landmarks =
  (weights: Parameters, blocks: string[]): Forward =>
  (image) => {
    let x = normalizeMean(image, weights);
    for (const block of blocks) x = denseBlock(x, weights.at(block));
    const pooled = averagePool2d(x, { size: x.shape[1], stride: 2 }); // one position is left
    const features = pooled.reshape(x.shape[0], x.shape[3]);
    return [matmul(features, weights.get('fc/weights'), weights.get('fc/bias'))];
  };

/**
 * Halves the image, then adds up what two or three separable convolutions make of the ReLU of the sum so far.
 * face-api writes out4 = sep(relu(out1 + out2 + out3)) and so on: this is the same sum, as a residual chain.
 */
function denseBlock(input: Tensor, weights: Parameters): Tensor {
  const first = weights.at('conv0');
  let sum = relu(
    first.has('filters')
      ? conv2d(input, first.get('filters'), { bias: first.get('bias'), stride: 2 })
      : separableConv2d(input, first, 2),
  );
  sum = add(sum, separableConv2d(sum, weights.at('conv1'))); // relu(sum) is sum here
  sum = add(sum, separableConv2d(relu(sum), weights.at('conv2')));
  if (weights.has('conv3/bias')) sum = add(sum, separableConv2d(relu(sum), weights.at('conv3')));
  return relu(sum);
}
