import type { NamedValues } from '../../src/tensor/safetensors';
import type { TensorFlow, TfTensor } from './tensorflow';

const LAYERS = [
  ...['conv32_1', 'conv32_2', 'conv32_3'],
  ...['conv64_down', 'conv64_1', 'conv64_2', 'conv64_3'],
  ...['conv128_down', 'conv128_1', 'conv128_2'],
  ...['conv256_down', 'conv256_1', 'conv256_2', 'conv256_down_out'],
];

type Weights = ReadonlyMap<string, NamedValues>;
type Convolution = (x: TfTensor, layer: string, stride: number, activation: 'linear' | 'relu') => TfTensor;

/**
 * dlib's face ResNet on TensorFlow.js, layer by layer as in face-api's FaceRecognitionNet.
 *
 * @param folded with the affine layers folded into the filters, and bias and ReLU fused, which face-api does not do
 */
export function faceResnet(tf: TensorFlow, weights: Weights, folded: boolean): (image: TfTensor) => TfTensor {
  const mean = tf.tensor(Float32Array.of(122.782, 117.001, 104.298), [3]);
  const fc = upload(tf, find(weights, 'fc'));
  const convolution = folded ? foldedConvolution(tf, weights) : plainConvolution(tf, weights);

  const residual = (x: TfTensor, layer: string) =>
    tf.relu(tf.add(convolution(convolution(x, `${layer}/conv1`, 1, 'relu'), `${layer}/conv2`, 1, 'linear'), x));

  const residualDown = (x: TfTensor, layer: string) => {
    const branch = convolution(convolution(x, `${layer}/conv1`, 2, 'relu'), `${layer}/conv2`, 1, 'linear');
    const shortcut = tf.avgPool(x, 2, 2, 'valid');
    const missing = shortcut.shape[1] - branch.shape[1];
    const channels = branch.shape[3] - shortcut.shape[3];
    const none: [number, number] = [0, 0];
    const fitted = missing > 0 ? tf.pad(branch, [none, [0, missing], [0, missing], none]) : branch;
    const widened = channels > 0 ? tf.pad(shortcut, [none, none, none, [0, channels]]) : shortcut;
    return tf.relu(tf.add(widened, fitted));
  };

  return (image) =>
    tf.tidy(() => {
      let x = tf.div(tf.sub(image, mean), 255);
      x = convolution(x, 'conv32_down', 2, 'relu');
      x = tf.maxPool(x, 3, 2, 'valid');
      for (const layer of LAYERS) x = layer.includes('down') ? residualDown(x, layer) : residual(x, layer);
      return tf.matMul(tf.mean(x, [1, 2]), fc);
    });
}

const paddingOf = (stride: number) => (stride === 1 ? 'same' : 'valid');

/** conv2d, add, multiply, add, relu: one operation each, as face-api calls them. */
function plainConvolution(tf: TensorFlow, weights: Weights): Convolution {
  const uploaded = new Map([...weights].map(([name, values]) => [name, upload(tf, values)]));
  return (x, layer, stride, activation) => {
    let out = tf.conv2d(x, find(uploaded, `${layer}/conv/filters`), stride, paddingOf(stride));
    out = tf.add(out, find(uploaded, `${layer}/conv/bias`));
    out = tf.add(tf.mul(out, find(uploaded, `${layer}/scale/weights`)), find(uploaded, `${layer}/scale/biases`));
    return activation === 'relu' ? tf.relu(out) : out;
  };
}

/** (sum of x * K + b) * scale + shift = sum of x * (K * scale) + (b * scale + shift). */
function foldedConvolution(tf: TensorFlow, weights: Weights): Convolution {
  const folded = new Map<string, { filter: TfTensor; bias: TfTensor }>();
  for (const [name, { values: filters, shape }] of weights) {
    if (!name.endsWith('/conv/filters')) continue;
    const layer = name.replace('/conv/filters', '');
    const { values: bias } = find(weights, `${layer}/conv/bias`);
    const { values: scale } = find(weights, `${layer}/scale/weights`);
    const { values: shift } = find(weights, `${layer}/scale/biases`);
    folded.set(layer, {
      filter: tf.tensor(
        Float32Array.from(filters, (weight, i) => weight * scale[i % scale.length]),
        shape,
      ),
      bias: tf.tensor(
        Float32Array.from(bias, (value, o) => value * scale[o] + shift[o]),
        [bias.length],
      ),
    });
  }
  return (x, layer, strides, activation) =>
    tf.fused.conv2d({ x, ...find(folded, layer), strides, pad: paddingOf(strides), activation });
}

const upload = (tf: TensorFlow, { values, shape }: NamedValues) => tf.tensor(Float32Array.from(values), shape);

function find<T>(named: ReadonlyMap<string, T>, name: string): T {
  const found = named.get(name);
  if (!found) throw new Error(`there is no ${name}`);
  return found;
}
