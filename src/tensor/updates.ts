/** What ends a training step: the only functions that change numbers of a tensor in place. Results computed before keep theirs. */
import { formatShape, ShapeError } from './shape';
import type { Tensor } from './tensor';

function expectShape(update: string, role: string, tensor: Tensor, like: Tensor): void {
  if (formatShape(tensor.shape) !== formatShape(like.shape))
    throw new ShapeError(`${update}: ${role} ${formatShape(tensor.shape)}, expected ${formatShape(like.shape)}`);
}

/** What the gradient is multiplied by first: it takes back what the loss was scaled by. */
interface Scaled {
  gradientFactor?: number;
}

export interface SgdStep extends Scaled {
  /** The learning rate. */
  rate: number;
  momentum: number;
  weightDecay: number;
  nesterov: boolean;
}

/**
 * A step of stochastic gradient descent, as PyTorch's SGD without dampening: with
 * g = gradientFactor * gradient + weightDecay * parameter,
 *   velocity = momentum * velocity + g
 *   parameter = parameter - rate * (nesterov ? g + momentum * velocity : velocity)
 *
 * @param velocity what is remembered of earlier steps, in the parameter's shape; without one the step goes along g
 * @throws ShapeError for another shape than the parameter's
 */
export function sgdStep(parameter: Tensor, gradient: Tensor, velocity: Tensor | undefined, step: SgdStep): void {
  expectShape('sgdStep', 'gradient', gradient, parameter);
  if (velocity) expectShape('sgdStep', 'velocity', velocity, parameter);
  gradient.backend.run({
    kernel: 'sgdStep',
    inputs: { gradient: gradient.slot },
    outputs: { parameter: parameter.slot, velocity: velocity?.slot },
    attributes: { length: parameter.size, gradientFactor: 1, ...step },
  });
}

export interface AdamStep extends Scaled {
  /** How much of the mean of gradients stays. */
  beta1: number;
  /** How much of the mean of their squares stays. */
  beta2: number;
  /** The learning rate, with the corrections for the bias of the averages in it. */
  rate: number;
  epsilon: number;
  /** What decoupled weight decay leaves of the parameter: 1 - learning rate * decay. */
  shrink: number;
}

/**
 * A step of AdamW (Kingma and Ba 2015; Loshchilov and Hutter 2019), with g = gradientFactor * gradient:
 *   mean = beta1 * mean + (1 - beta1) * g
 *   square = beta2 * square + (1 - beta2) * g^2
 *   parameter = parameter * shrink - rate * mean / (sqrt(square) + epsilon)
 *
 * @throws ShapeError for another shape than the parameter's
 */
export function adamStep(
  parameter: Tensor,
  gradient: Tensor,
  { mean, square }: { mean: Tensor; square: Tensor },
  step: AdamStep,
): void {
  for (const [role, tensor] of Object.entries({ gradient, mean, square }))
    expectShape('adamStep', role, tensor, parameter);
  gradient.backend.run({
    kernel: 'adamStep',
    inputs: { gradient: gradient.slot },
    outputs: { parameter: parameter.slot, mean: mean.slot, square: square.slot },
    attributes: { length: parameter.size, gradientFactor: 1, ...step },
  });
}

/**
 * Running averages of the moments of batches (Ioffe and Szegedy 2015, section 3.1), of which `momentum` is the newest
 * batch's share: running = (1 - momentum) * running + momentum * batch. The batch's variance, divided by its count, is
 * averaged as the unbiased one, divided by one less.
 *
 * @param mean     [channels]
 * @param variance [channels]
 * @param moments  [2, channels]: mean and variance of a batch
 * @param count    how many numbers of a channel the batch had, two or more
 */
export function updateMoments(
  { mean, variance }: { mean: Tensor; variance: Tensor },
  moments: Tensor,
  { momentum, count }: { momentum: number; count: number },
): void {
  if (moments.shape[0] !== 2 || moments.shape[1] !== mean.size)
    throw new ShapeError(`updateMoments: moments ${formatShape(moments.shape)}, expected [2,${mean.size}]`);
  expectShape('updateMoments', 'variance', variance, mean);
  moments.backend.run({
    kernel: 'updateMoments',
    inputs: { moments: moments.slot },
    outputs: { mean: mean.slot, variance: variance.slot },
    attributes: { channels: mean.size, momentum, unbiased: count / (count - 1) },
  });
}
