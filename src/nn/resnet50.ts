import { relu } from '../tensor/ops/activations';
import { add } from '../tensor/ops/arithmetic';
import { globalAveragePool } from '../tensor/ops/global-average-pool';
import { maxPool2d } from '../tensor/ops/pool2d';
import type { Tensor } from '../tensor/tensor';
import { BatchNorm2d } from './batch-norm2d';
import { Conv2d, Linear, paddedBy, Sequential } from './layers';
import { type Birth, Module } from './module';

export interface ResNet50Options {
  classes?: number;
  /** Channels of the stem and of the first bottlenecks; all others follow. */
  width?: number;
  depths?: readonly number[];
  /**
   * Which convolution of a bottleneck has its stride: the middle one, as in torchvision ("ResNet v1.5"), or the
   * first, as in He et al. 2015 and Keras.
   */
  strideIn?: 'middle' | 'first';
  /** Of every batch norm. Keras's ResNet50 has 1.001e-5. */
  epsilon?: number;
}

/** What Keras's weights were trained with. */
export const KERAS_RESNET50 = { strideIn: 'first', epsilon: 1.001e-5 } as const satisfies ResNet50Options;

/** How many times the channels of its middle a bottleneck gives out. */
const EXPANSION = 4;

/**
 * ResNet-50 (He et al. 2015, table 1): 25,557,032 parameters at 1,000 classes.
 * [batch, height, width, 3] -> [batch, classes]; 224x224, mean and deviation of ImageNet taken off by the caller.
 *
 * Paths are torchvision's: conv1, bn1; layerS.B (S from 1, B from 0) with conv1, bn1, conv2, bn2, conv3, bn3 and, in
 * the first of each layer, downsample.0 (convolution) and downsample.1 (batch norm); fc. Weights from torchvision and
 * Keras come in through fromTorch() and fromKerasResNet50().
 */
export class ResNet50 extends Module {
  readonly #conv1: Conv2d;
  readonly #bn1: BatchNorm2d;
  readonly #blocks: readonly Bottleneck[];
  readonly #fc: Linear;

  constructor(birth: Birth, options: ResNet50Options = {}) {
    super();
    const { classes = 1000, width = 64, depths = [3, 4, 6, 3], strideIn = 'middle', epsilon = 1e-5 } = options;
    this.#conv1 = this.child('conv1', new Conv2d(birth, { inChannels: 3, outChannels: width, size: 7, stride: 2 }));
    this.#bn1 = this.child('bn1', new BatchNorm2d(birth, width, { epsilon }));
    const blocks: Bottleneck[] = [];
    let inChannels = width;
    for (const [layer, depth] of depths.entries())
      for (let index = 0; index < depth; index++) {
        const channels = width * 2 ** layer;
        const stride = layer > 0 && index === 0 ? 2 : 1;
        const block = new Bottleneck(birth, { inChannels, channels, stride, strideIn, epsilon });
        blocks.push(this.child(`layer${layer + 1}.${index}`, block));
        inChannels = channels * EXPANSION;
      }
    this.#blocks = blocks;
    this.#fc = this.child('fc', new Linear(birth, inChannels, classes));
  }

  /** Logits. */
  forward(images: Tensor): Tensor {
    return this.#fc.forward(this.embed(images));
  }

  /** The mean over all positions of the last block: [batch, 2048]. */
  embed(images: Tensor): Tensor {
    let x = relu(this.#bn1.forward(this.#conv1.forward(images)));
    x = maxPool2d(x, { size: 3, stride: 2, padding: paddedBy(1) });
    for (const block of this.#blocks) x = block.forward(x);
    return globalAveragePool(x);
  }
}

interface BottleneckOptions {
  inChannels: number;
  channels: number;
  stride: number;
  strideIn: 'middle' | 'first';
  epsilon: number;
}

/** out = relu(shortcut(x) + BN(W3 relu(BN(W2 relu(BN(W1 x)))))): 1x1 down to `channels`, 3x3, 1x1 up to four times as many. */
class Bottleneck extends Module {
  readonly #conv1: Conv2d;
  readonly #conv2: Conv2d;
  readonly #conv3: Conv2d;
  readonly #bn1: BatchNorm2d;
  readonly #bn2: BatchNorm2d;
  readonly #bn3: BatchNorm2d;
  readonly #projection: Sequential | undefined;

  constructor(birth: Birth, { inChannels, channels, stride, strideIn, epsilon }: BottleneckOptions) {
    super();
    const [first, middle] = strideIn === 'first' ? [stride, 1] : [1, stride];
    const outChannels = channels * EXPANSION;
    const convolution = (from: number, to: number, size: number, step: number) =>
      new Conv2d(birth, { inChannels: from, outChannels: to, size, stride: step });
    this.#conv1 = this.child('conv1', convolution(inChannels, channels, 1, first));
    this.#bn1 = this.child('bn1', new BatchNorm2d(birth, channels, { epsilon }));
    this.#conv2 = this.child('conv2', convolution(channels, channels, 3, middle));
    this.#bn2 = this.child('bn2', new BatchNorm2d(birth, channels, { epsilon }));
    this.#conv3 = this.child('conv3', convolution(channels, outChannels, 1, 1));
    this.#bn3 = this.child('bn3', new BatchNorm2d(birth, outChannels, { epsilon }));
    if (stride === 1 && inChannels === outChannels) return;
    const projection = [
      convolution(inChannels, outChannels, 1, stride),
      new BatchNorm2d(birth, outChannels, { epsilon }),
    ];
    this.#projection = this.child('downsample', new Sequential(projection));
  }

  forward(input: Tensor): Tensor {
    let x = relu(this.#bn1.forward(this.#conv1.forward(input)));
    x = relu(this.#bn2.forward(this.#conv2.forward(x)));
    x = this.#bn3.forward(this.#conv3.forward(x));
    return relu(add(x, this.#projection ? this.#projection.forward(input) : input));
  }
}
