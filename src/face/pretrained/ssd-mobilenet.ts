import type { Forward } from '../../nn/compile';
import type { Parameters } from '../../nn/parameters';
import { relu6 } from '../../tensor/ops/activations';
import { add, scale } from '../../tensor/ops/arithmetic';
import { batchNorm } from '../../tensor/ops/batch-norm';
import { concat } from '../../tensor/ops/concat';
import { conv2d } from '../../tensor/ops/conv2d';
import { depthwiseConv2d } from '../../tensor/ops/depthwise-conv2d';
import type { Tensor } from '../../tensor/tensor';

const EPSILON = 0.001;
const HALVING = [2, 4, 6, 12];

/**
 * SSD (Liu et al. 2016) on MobileNet v1 (Howard et al. 2017), trained on faces: the accurate detector.
 *
 * input   [batch, 512, 512, 3], RGB 0 to 255
 * outputs [batch, 5118, 4] box encodings ty, tx, th, tw and [batch, 5118, 3] class logits (index 1 is "face"),
 *         both in the order of the anchors in `Output/extra_dim`
 */
export const ssdMobilenet =
  (weights: Parameters): Forward =>
  (image) => {
    const backbone = weights.at('MobilenetV1');
    let x = pointwise(scale(image, 1 / 127.5, -1), backbone.at('Conv2d_0_pointwise'), 2);
    const scales: Tensor[] = [];
    for (let layer = 1; layer <= 13; layer++) {
      x = depthwise(x, backbone.at(`Conv2d_${layer}_depthwise`), HALVING.includes(layer) ? 2 : 1);
      x = pointwise(x, backbone.at(`Conv2d_${layer}_pointwise`), 1);
      if (layer === 11 || layer === 13) scales.push(x);
    }
    // Four more scales, each half as large: a 1x1 convolution, then a 3x3 of stride 2.
    for (let layer = 0; layer < 8; layer++) {
      x = pointwise(x, weights.at(`Prediction/Conv2d_${layer}_pointwise`), layer % 2 === 0 ? 1 : 2);
      if (layer % 2 === 1) scales.push(x);
    }
    const predict = (head: string, numbers: number) =>
      concat(
        scales.map((features, k) => {
          const predictor = weights.at(`Prediction/BoxPredictor_${k}/${head}`);
          const bias = predictor.get('biases');
          return conv2d(features, predictor.get('weights'), { bias }).reshape(features.shape[0], -1, numbers);
        }),
        1,
      );
    return [predict('BoxEncodingPredictor', 4), predict('ClassPredictor', 3)];
  };

/** A convolution whose batch norm is folded but for its offset. Most are 1x1; the first, and some that halve, are 3x3. */
const pointwise = (x: Tensor, weights: Parameters, stride: number): Tensor =>
  relu6(add(conv2d(x, weights.get('weights'), { stride }), weights.get('convolution_bn_offset')));

function depthwise(x: Tensor, weights: Parameters, stride: number): Tensor {
  const statistics = {
    mean: weights.get('BatchNorm/moving_mean'),
    variance: weights.get('BatchNorm/moving_variance'),
    gamma: weights.get('BatchNorm/gamma'),
    beta: weights.get('BatchNorm/beta'),
  };
  return relu6(batchNorm(depthwiseConv2d(x, weights.get('depthwise_weights'), { stride }), statistics, EPSILON));
}
