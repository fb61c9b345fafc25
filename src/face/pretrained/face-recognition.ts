import type { Forward } from '../../nn/compile';
import type { Parameters } from '../../nn/parameters';
import { relu } from '../../tensor/ops/activations';
import { add } from '../../tensor/ops/arithmetic';
import { conv2d } from '../../tensor/ops/conv2d';
import { globalAveragePool } from '../../tensor/ops/global-average-pool';
import { matmul } from '../../tensor/ops/matmul';
import { pad } from '../../tensor/ops/pad';
import { averagePool2d, maxPool2d } from '../../tensor/ops/pool2d';
import { scaleShift } from '../../tensor/ops/scale-shift';
import type { Tensor } from '../../tensor/tensor';
import { LANDMARK_MEAN } from './face-landmarks';
import { normalizeMean } from './normalize';

export const RECOGNITION_MEAN = LANDMARK_MEAN;

const LAYERS = [
  ...['conv32_1', 'conv32_2', 'conv32_3'],
  ...['conv64_down', 'conv64_1', 'conv64_2', 'conv64_3'],
  ...['conv128_down', 'conv128_1', 'conv128_2'],
  ...['conv256_down', 'conv256_1', 'conv256_2', 'conv256_down_out'],
];

/**
 * dlib's face ResNet (King 2017, dlib_face_recognition_resnet_model_v1): He et al.'s ResNet-34 with fewer layers
 * and half the filters, 29 convolutions. Trained so that faces of one person lie within 0.6 of each other.
 *
 * input  [batch, 150, 150, 3], RGB 0 to 255, an aligned chip
 * output [batch, 128], not normalised (length about 1.3 to 1.5)
 */
export const faceRecognition =
  (weights: Parameters): Forward =>
  (image) => {
    let x = normalizeMean(image, weights);
    x = relu(convolution(x, weights.at('conv32_down'), 2));
    x = maxPool2d(x, { size: 3, stride: 2 });
    for (const layer of LAYERS)
      x = layer.includes('down') ? downsamplingBlock(x, weights.at(layer)) : residualBlock(x, weights.at(layer));
    return [matmul(globalAveragePool(x), weights.get('fc'))];
  };

/** (conv(x) + bias) * scale + shift: dlib's affine layer is a batch norm whose statistics are folded in. */
function convolution(x: Tensor, weights: Parameters, stride: number): Tensor {
  const filtered = conv2d(x, weights.get('conv/filters'), {
    bias: weights.get('conv/bias'),
    stride,
    padding: stride === 1 ? 'same' : 'valid',
  });
  return scaleShift(filtered, weights.get('scale/weights'), weights.get('scale/biases'));
}

// out = relu(x + F(x)), F = conv, relu, conv
function residualBlock(x: Tensor, weights: Parameters): Tensor {
  const hidden = relu(convolution(x, weights.at('conv1'), 1));
  return relu(add(convolution(hidden, weights.at('conv2'), 1), x));
}

/** The same at half the side: the shortcut is averaged, and filled up with channels of zeros. */
function downsamplingBlock(x: Tensor, weights: Parameters): Tensor {
  const hidden = relu(convolution(x, weights.at('conv1'), 2));
  const branch = convolution(hidden, weights.at('conv2'), 1);
  const shortcut = averagePool2d(x, { size: 2 });
  const [, side, , channels] = branch.shape;
  const missing = shortcut.shape[1] - side; // an even side: 'valid' leaves the branch one pixel smaller
  const fitted = missing > 0 ? pad(branch, { bottom: missing, right: missing }) : branch;
  const widened = channels > shortcut.shape[3] ? pad(shortcut, { channels: channels - shortcut.shape[3] }) : shortcut;
  return relu(add(fitted, widened));
}
