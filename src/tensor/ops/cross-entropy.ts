import { gradientFor, outputOf } from '../operation';
import { differentiable } from '../record';
import { expectRank, formatShape, ShapeError } from '../shape';
import type { Tensor } from '../tensor';
import { mean } from './reduce';

export interface CrossEntropyOptions {
  /** The share of the target that is spread evenly over all classes (Szegedy et al. 2016, section 7). */
  smoothing?: number;
}

/**
 * The mean over the batch of -sum over k of t[k] * log softmax(z)[k], where the target t is 1 - smoothing at the label
 * plus smoothing / classes everywhere. No logit is too large for it: the row's maximum is taken off.
 *
 * @param logits [batch, classes]
 * @param labels [batch], whole numbers from 0 to classes - 1
 * @returns [], a single number
 */
export function softmaxCrossEntropy(logits: Tensor, labels: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { smoothing = 0 } = options;
  expectRank('softmaxCrossEntropy', 'logits', logits.shape, 2, '[batch, classes]');
  const [rows, columns] = logits.shape;
  if (labels.shape.length !== 1 || labels.size !== rows)
    throw new ShapeError(
      `softmaxCrossEntropy: labels ${formatShape(labels.shape)} do not fit logits ${formatShape(logits.shape)}, expected [${rows}]`,
    );
  if (!(smoothing >= 0 && smoothing <= 1))
    throw new RangeError(`softmaxCrossEntropy: smoothing ${smoothing} is not between 0 and 1`);
  const attributes = { rows, columns, smoothing };
  const losses = outputOf('softmaxCrossEntropy', [logits, labels], [rows]);
  losses.backend.run({
    kernel: 'softmaxCrossEntropy',
    inputs: { logits: logits.slot, labels: labels.slot },
    outputs: { output: losses.slot },
    attributes,
  });
  // loss[r] = log(sum over k of e^z[r,k]) - sum over k of t[r,k] * z[r,k]. The first term's derivative by z[r,k] is
  // e^z[r,k] / sum = softmax(z)[r,k], the second's is t[r,k]:
  //   dZ[r,k] = dLoss[r] * (softmax(z)[r,k] - t[r,k])
  differentiable(losses, [logits, labels], (dLosses) => [
    gradientFor(logits, (dLogits) => ({
      kernel: 'softmaxCrossEntropyGradient',
      inputs: { logits: logits.slot, labels: labels.slot, outputGradient: dLosses.slot },
      outputs: { output: dLogits },
      attributes,
    })),
    undefined, // labels are no numbers to move
  ]);
  return mean(losses);
}
