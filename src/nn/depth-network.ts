import { relu } from '../tensor/ops/activations';
import { add } from '../tensor/ops/arithmetic';
import { globalAveragePool } from '../tensor/ops/global-average-pool';
import type { Tensor } from '../tensor/tensor';
import { BatchNorm2d } from './batch-norm2d';
import { heNormal, uniformFanIn } from './initial';
import { Conv2d, Linear } from './layers';
import { type Birth, Module } from './module';
import { ResidualBlock } from './residual-block';

/**
 * What sets the size of the signals from layer to layer, forward and back:
 *   small       weights uniform within 1 / sqrt(fan in), as PyTorch's layers start; no batch norm
 *   he          weights of variance 2 / fan (He et al. 2015, Delving Deep into Rectifiers); no batch norm
 *   batch-norm  the same weights, and a batch norm after each convolution
 */
export type Scaling = 'small' | 'he' | 'batch-norm';

export const SCALINGS: readonly Scaling[] = ['small', 'he', 'batch-norm'];

export interface DepthNetworkOptions {
  input: { height: number; width: number; channels: number };
  /** Residual blocks of two convolutions each. */
  blocks: number;
  /** Without the skips. */
  plain: boolean;
  scaling: Scaling;
  /** Of each convolution. */
  channels: number;
  classes: number;
}

/** Sides of the first layer's window: large enough that one can see what a filter looks for. */
const STEM_SIZE = 5;

/**
 * A network to study depth with: nothing changes from block to block, neither channels nor the image's size, so that what
 * differs between two of them is their depth, their skips or their scaling alone.
 *
 * images [batch, height, width, channels] -> stem (5x5, stride 2), blocks, mean over all positions -> [batch, classes]
 *
 * Paths: stem.conv, stem.bn; blocks.K with conv1, conv2, bn1, bn2; classifier.
 */
export class DepthNetwork extends Module {
  readonly options: DepthNetworkOptions;
  readonly stem: Conv2d;
  readonly #stemNorm: BatchNorm2d | undefined;
  readonly #blocks: readonly (ResidualBlock | BareBlock)[];
  readonly #classifier: Linear;

  constructor(birth: Birth, options: DepthNetworkOptions) {
    super();
    this.options = options;
    const { input, blocks, plain, scaling, channels, classes } = options;
    const hasNorm = scaling === 'batch-norm';
    this.stem = this.child(
      'stem.conv',
      convolution(birth, { inChannels: input.channels, channels, size: STEM_SIZE, stride: 2, scaling }),
    );
    if (hasNorm) this.#stemNorm = this.child('stem.bn', new BatchNorm2d(birth, channels));
    this.#blocks = Array.from({ length: blocks }, (_, index) => {
      const block = hasNorm
        ? new ResidualBlock(birth, { inChannels: channels, outChannels: channels, plain })
        : new BareBlock(birth, { channels, plain, scaling });
      return this.child(`blocks.${index}`, block);
    });
    this.#classifier = this.child('classifier', new Linear(birth, channels, classes));
  }

  forward(images: Tensor): Tensor {
    return this.layers(images).logits;
  }

  /** @returns `states`: what the stem makes of the images, X_0, and what each block makes of that, X_1 to X_D */
  layers(images: Tensor): { logits: Tensor; states: Tensor[] } {
    const stem = this.stem.forward(images);
    const states = [relu(this.#stemNorm ? this.#stemNorm.forward(stem) : stem)];
    for (const [index, block] of this.#blocks.entries()) states.push(block.forward(states[index]));
    return { logits: this.#classifier.forward(globalAveragePool(states[states.length - 1])), states };
  }

  /** The filters of the convolutions, by path, from the images to the classifier. */
  filters(): Map<string, Tensor> {
    return new Map([...this.parameters()].filter(([, { shape }]) => shape.length === 4));
  }
}

/** F(x) = W2 relu(W1 x), out = relu(x + F(x)): He et al. 2015's block without its batch norms. */
class BareBlock extends Module {
  readonly #plain: boolean;
  readonly #conv1: Conv2d;
  readonly #conv2: Conv2d;

  constructor(birth: Birth, { channels, plain, scaling }: Omit<Layer, 'inChannels' | 'size'> & { plain: boolean }) {
    super();
    this.#plain = plain;
    const layer = { inChannels: channels, channels, size: 3, scaling };
    this.#conv1 = this.child('conv1', convolution(birth, layer));
    this.#conv2 = this.child('conv2', convolution(birth, layer));
  }

  forward(input: Tensor): Tensor {
    const branch = this.#conv2.forward(relu(this.#conv1.forward(input)));
    return relu(this.#plain ? branch : add(branch, input));
  }
}

interface Layer {
  inChannels: number;
  channels: number;
  size: number;
  stride?: number;
  scaling: Scaling;
}

function convolution(birth: Birth, { inChannels, channels, size, stride = 1, scaling }: Layer): Conv2d {
  const draw = scaling === 'small' ? uniformFanIn(size * size * inChannels) : heNormal(size * size * channels);
  return new Conv2d(birth, { inChannels, outChannels: channels, size, stride, draw });
}
