import { noGradient } from '../tensor/autograd';
import { combine } from '../tensor/ops/arithmetic';
import { batchNorm, batchNormTraining } from '../tensor/ops/batch-norm';
import { slice } from '../tensor/ops/concat';
import { scope } from '../tensor/scope';
import { formatShape, ShapeError } from '../tensor/shape';
import type { Tensor } from '../tensor/tensor';
import { constant } from './initial';
import { assign, type Birth, Module } from './module';

export interface BatchNorm2dOptions {
  epsilon?: number;
  /** The share of the newest batch in the running averages. */
  momentum?: number;
}

/**
 * Batch normalisation (Ioffe and Szegedy 2015): while training with the batch's own mean and variance, at inference
 * with running averages of them. `weight` and `bias` (their gamma and beta), `running_mean` and `running_var`, each
 * [channels] and named as PyTorch names them. Over the last axis, so that [batch, channels] will do as well.
 *
 * As in PyTorch the batch is divided by its biased variance (1/n), and the unbiased one (1/(n-1)) is averaged.
 */
export class BatchNorm2d extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly runningMean: Tensor;
  readonly runningVariance: Tensor;
  readonly epsilon: number;
  readonly momentum: number;

  constructor(birth: Birth, channels: number, { epsilon = 1e-5, momentum = 0.1 }: BatchNorm2dOptions = {}) {
    super();
    this.weight = this.parameter(birth, 'weight', [channels], constant(1));
    this.bias = this.parameter(birth, 'bias', [channels], constant(0));
    this.runningMean = this.buffer(birth, 'running_mean', [channels], 0);
    this.runningVariance = this.buffer(birth, 'running_var', [channels], 1);
    this.epsilon = epsilon;
    this.momentum = momentum;
  }

  forward(input: Tensor): Tensor {
    const { weight: gamma, bias: beta, runningMean: mean, runningVariance: variance } = this;
    if (!this.training) return batchNorm(input, { mean, variance, gamma, beta }, this.epsilon);

    const count = input.size / gamma.size;
    if (count < 2)
      throw new ShapeError(`batch norm: ${formatShape(input.shape)} has one number a channel; training needs two`);
    const { output, moments } = batchNormTraining(input, gamma, beta, this.epsilon);
    this.#average(moments, count);
    return output;
  }

  /** running = (1 - momentum) * running + momentum * batch. */
  #average(moments: Tensor, count: number): void {
    const { momentum } = this;
    using _ = scope();
    noGradient(() => {
      const [mean, variance] = [0, 1].map((row) => slice(moments, 0, row, 1).reshape(moments.shape[1]));
      assign(this.runningMean, combine(this.runningMean, 1 - momentum, mean, momentum));
      const unbiased = (momentum * count) / (count - 1);
      assign(this.runningVariance, combine(this.runningVariance, 1 - momentum, variance, unbiased));
    });
  }
}
