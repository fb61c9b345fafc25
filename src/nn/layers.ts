import { prelu, relu } from '../tensor/ops/activations';
import { conv2d } from '../tensor/ops/conv2d';
import { dropout } from '../tensor/ops/dropout';
import { globalAveragePool } from '../tensor/ops/global-average-pool';
import { matmul } from '../tensor/ops/matmul';
import { maxPool2d, type PoolOptions } from '../tensor/ops/pool2d';
import type { Padding } from '../tensor/ops/window';
import type { Tensor } from '../tensor/tensor';
import { constant, type Draw, heNormal, uniformFanIn } from './initial';
import { type Birth, Module } from './module';

/** The same number of zeros on each side, as PyTorch pads. TensorFlow's 'same' differs where the stride is 2. */
export const paddedBy = (zeros: number): Padding => ({ top: zeros, bottom: zeros, left: zeros, right: zeros });

export interface Conv2dLayerOptions {
  inChannels: number;
  outChannels: number;
  /** Side of the window. */
  size: number;
  stride?: number;
  /** Zeros on each side; default floor(size / 2), so that stride 1 keeps the image's size. */
  padding?: number;
  /** Default false: a batch norm follows, which would take it off again. */
  bias?: boolean;
  /** What the first weights are drawn from. Default: He's normal distribution. */
  draw?: Draw;
}

/**
 * Convolution. `weight` [size, size, inChannels, outChannels], He-initialised, and `bias` [outChannels].
 * [batch, height, width, inChannels] -> [batch, outHeight, outWidth, outChannels]
 */
export class Conv2d extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;
  readonly #stride: number;
  readonly #padding: Padding;

  constructor(birth: Birth, options: Conv2dLayerOptions) {
    super();
    const { inChannels, outChannels, size, stride = 1, padding = Math.floor(size / 2), bias = false } = options;
    const { draw = heNormal(size * size * outChannels) } = options;
    this.weight = this.parameter(birth, 'weight', [size, size, inChannels, outChannels], draw);
    this.bias = bias ? this.parameter(birth, 'bias', [outChannels], constant(0)) : undefined;
    this.#stride = stride;
    this.#padding = paddedBy(padding);
  }

  forward(input: Tensor): Tensor {
    return conv2d(input, this.weight, { bias: this.bias, stride: this.#stride, padding: this.#padding });
  }
}

/**
 * A dense layer. `weight` [inputs, outputs] and `bias` [outputs], uniform as in PyTorch.
 * [batch, inputs] -> [batch, outputs]
 */
export class Linear extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;

  constructor(birth: Birth, inputs: number, outputs: number, { bias = true }: { bias?: boolean } = {}) {
    super();
    this.weight = this.parameter(birth, 'weight', [inputs, outputs], uniformFanIn(inputs));
    this.bias = bias ? this.parameter(birth, 'bias', [outputs], uniformFanIn(inputs)) : undefined;
  }

  forward(input: Tensor): Tensor {
    return matmul(input, this.weight, this.bias);
  }
}

/** max(0, x). Any shape. */
export class Relu extends Module {
  forward(input: Tensor): Tensor {
    return relu(input);
  }
}

/** ReLU with a learnt slope below zero for each channel: `weight` [channels], from 0.25 on (He et al. 2015). */
export class PRelu extends Module {
  readonly weight: Tensor;

  constructor(birth: Birth, channels: number) {
    super();
    this.weight = this.parameter(birth, 'weight', [channels], constant(0.25));
  }

  forward(input: Tensor): Tensor {
    return prelu(input, this.weight);
  }
}

/** While training, drops each number with a probability and divides the others by what is left (Srivastava et al. 2014). */
export class Dropout extends Module {
  readonly probability: number;

  constructor(probability: number) {
    super();
    this.probability = probability;
  }

  forward(input: Tensor): Tensor {
    if (!this.training || this.probability === 0) return input;
    if (!this.random) throw new Error('dropout: needs a generator; call train(random) on the network');
    return dropout(input, this.probability, this.random);
  }
}

/** The largest value of each window. [batch, height, width, channels] -> [batch, outHeight, outWidth, channels] */
export class MaxPool2d extends Module {
  readonly #options: PoolOptions;

  constructor(options: PoolOptions) {
    super();
    this.#options = options;
  }

  forward(input: Tensor): Tensor {
    return maxPool2d(input, this.#options);
  }
}

/** The mean over all positions. [batch, height, width, channels] -> [batch, channels] */
export class GlobalAveragePool extends Module {
  forward(input: Tensor): Tensor {
    return globalAveragePool(input);
  }
}

/** One module after the other; the paths of their parameters begin with 0, 1, 2 and so on. */
export class Sequential extends Module {
  readonly #modules: readonly Module[];

  constructor(modules: readonly Module[]) {
    super();
    this.#modules = modules.map((module, index) => this.child(String(index), module));
  }

  forward(input: Tensor): Tensor {
    return this.#modules.reduce((x, module) => module.forward(x), input);
  }
}
