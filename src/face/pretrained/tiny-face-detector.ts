import type { Forward } from '../../nn/compile';
import type { Parameters } from '../../nn/parameters';
import { leakyRelu } from '../../tensor/ops/activations';
import { conv2d } from '../../tensor/ops/conv2d';
import { maxPool2d } from '../../tensor/ops/pool2d';
import { normalizeMean } from './normalize';
import { separableConv2d } from './separable';

export const TINY_MEAN = [117.001, 114.697, 97.404];

/**
 * face-api's tiny face detector: a small YOLOv2 (Redmon and Farhadi 2016) of separable convolutions.
 *
 * input  [batch, side, side, 3], RGB 0 to 255, side a multiple of 32
 * output [batch, side / 32, side / 32, 25]: for each of 5 anchors tx, ty, tw, th, objectness
 */
export const tinyFaceDetector =
  (weights: Parameters): Forward =>
  (image) => {
    const stem = weights.at('conv0');
    let x = normalizeMean(image, weights);
    x = leakyRelu(conv2d(x, stem.get('filters'), { bias: stem.get('bias'), padding: 'valid' }), 0.1);
    x = maxPool2d(x, { size: 2, padding: 'same' });
    for (const layer of ['conv1', 'conv2', 'conv3', 'conv4', 'conv5']) {
      x = leakyRelu(separableConv2d(x, weights.at(layer)), 0.1);
      x = maxPool2d(x, { size: 2, stride: layer === 'conv5' ? 1 : 2, padding: 'same' });
    }
    const head = weights.at('conv8');
    return [conv2d(x, head.get('filters'), { bias: head.get('bias') })];
  };
