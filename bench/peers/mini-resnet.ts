import type { TrainingBatch } from '../../src/bench/training-step';
import type { MiniResNetOptions } from '../../src/nn/mini-resnet';
import type { NamedValues } from '../../src/tensor/safetensors';
import type { TensorFlow, TfTensor, TfVariable } from './tensorflow';

const MOMENTUM_OF_AVERAGES = 0.1;
const EPSILON = 1e-5;

/**
 * Our MiniResNet in its post-activation form on TensorFlow.js, as its own layers API would train it: batch norm from
 * tf.moments and tf.batchNorm, running averages, tf.losses.softmaxCrossEntropy, tf.train.momentum.
 *
 * @param state what `network.state()` gives: convolutions are stored alike
 * @returns what makes one step and gives the loss before it
 */
export function miniResnetTraining(
  tf: TensorFlow,
  options: MiniResNetOptions,
  state: ReadonlyMap<string, NamedValues>,
  training: { learningRate: number; momentum: number },
): (batch: TrainingBatch) => Promise<number> {
  const { input, widths, depths, stemStride, classes } = options;
  const variables = new Map<string, TfVariable>();
  for (const [path, { values, shape }] of state) {
    const isTrainable = !path.includes('.running_');
    variables.set(
      path,
      tf.tidy(() => tf.variable(tf.tensor(Float32Array.from(values), shape), isTrainable)),
    );
  }
  const at = (path: string): TfVariable => {
    const variable = variables.get(path);
    if (!variable) throw new Error(`there is no ${path}`);
    return variable;
  };

  const convolution = (x: TfTensor, path: string, stride: number): TfTensor => {
    const filter = at(`${path}.weight`);
    return tf.conv2d(x, filter, stride, Math.floor(filter.shape[0] / 2));
  };

  const batchNorm = (x: TfTensor, path: string): TfTensor => {
    const { mean, variance } = tf.moments(
      x,
      x.shape.slice(0, -1).map((_, axis) => axis),
    );
    const count = x.shape.slice(0, -1).reduce((product, side) => product * side, 1);
    const average = (running: TfVariable, newest: TfTensor, correction: number) =>
      running.assign(
        tf.add(tf.mul(running, 1 - MOMENTUM_OF_AVERAGES), tf.mul(newest, MOMENTUM_OF_AVERAGES * correction)),
      );
    average(at(`${path}.running_mean`), mean, 1);
    average(at(`${path}.running_var`), variance, count / (count - 1));
    return tf.batchNorm(x, mean, variance, at(`${path}.bias`), at(`${path}.weight`), EPSILON);
  };

  const residual = (x: TfTensor, path: string, stride: number): TfTensor => {
    const hidden = tf.relu(batchNorm(convolution(x, `${path}.conv1`, stride), `${path}.bn1`));
    const branch = batchNorm(convolution(hidden, `${path}.conv2`, 1), `${path}.bn2`);
    const isProjected = variables.has(`${path}.downsample.0.weight`);
    const shortcut = isProjected
      ? batchNorm(convolution(x, `${path}.downsample.0`, stride), `${path}.downsample.1`)
      : x;
    return tf.relu(tf.add(branch, shortcut));
  };

  const forward = (images: TfTensor): TfTensor => {
    let x = tf.relu(batchNorm(convolution(images, 'stem.conv', stemStride), 'stem.bn'));
    for (const stage of widths.keys())
      for (let block = 0; block < depths[stage]; block++)
        x = residual(x, `stages.${stage}.${block}`, stage > 0 && block === 0 ? 2 : 1);
    const embedding = batchNorm(tf.matMul(tf.mean(x, [1, 2]), at('embedding.dense.weight')), 'embedding.bn');
    return tf.add(tf.matMul(embedding, at('classifier.weight')), at('classifier.bias'));
  };

  const optimizer = tf.train.momentum(training.learningRate, training.momentum);
  return async ({ images, labels }) => {
    const loss = tf.tidy(() => {
      const batch = tf.tensor(images, [labels.length, input.height, input.width, input.channels]);
      const target = tf.oneHot(labels, classes);
      return optimizer.minimize(() => tf.losses.softmaxCrossEntropy(target, forward(batch)), true);
    });
    const [value] = await loss.data();
    loss.dispose();
    return value;
  };
}

/**
 * TensorFlow.js has no gradient of a convolution's filter on wasm. This one is made of its own operations: for each tap
 * of the filter, the pixels that it sees times the gradient.
 */
export function addFilterGradient(tf: TensorFlow): void {
  tf.registerKernel({
    kernelName: 'Conv2DBackpropFilter',
    backendName: 'wasm',
    kernelFunc: ({ inputs: { x, dy }, attrs: { strides: stride, pad, filterShape } }) =>
      tf.tidy(() => {
        const [filterHeight, filterWidth, inChannels, outChannels] = filterShape;
        const [batch, outHeight, outWidth] = dy.shape;
        const none: [number, number] = [0, 0];
        const padded = pad > 0 ? tf.pad(x, [none, [pad, pad], [pad, pad], none]) : x;
        const right = tf.reshape(dy, [-1, outChannels]);
        const taps: TfTensor[] = [];
        for (let p = 0; p < filterHeight; p++)
          for (let q = 0; q < filterWidth; q++) {
            const end = [batch, p + (outHeight - 1) * stride + 1, q + (outWidth - 1) * stride + 1, inChannels];
            const seen = tf.stridedSlice(padded, [0, p, q, 0], end, [1, stride, stride, 1]);
            taps.push(tf.matMul(tf.transpose(tf.reshape(seen, [-1, inChannels])), right));
          }
        return tf.reshape(tf.stack(taps), filterShape);
      }),
  });
}
