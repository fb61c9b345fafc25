import { batchNorm, batchNormTraining } from '../tensor/ops/batch-norm';
import { formatShape, ShapeError } from '../tensor/shape';
import type { Tensor } from '../tensor/tensor';
import { updateMoments } from '../tensor/updates';
import { constant } from './initial';
import { type Birth, Module } from './module';

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
    updateMoments({ mean, variance }, moments, { momentum: this.momentum, count });
    return output;
  }
}
