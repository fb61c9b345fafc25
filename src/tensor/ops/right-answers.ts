import { outputOf } from '../operation';
import { differentiable } from '../record';
import { expectRank, formatShape, ShapeError } from '../shape';
import type { Tensor } from '../tensor';

/**
 * 1 for each row whose logit at the label is larger than all its others, else 0. A tie is not right, nor is a row with
 * what is not a number. It is a count, so it has no gradient.
 *
 * @param logits [batch, classes]
 * @param labels [batch], whole numbers from 0 to classes - 1
 * @returns [batch]
 */
export function rightAnswers(logits: Tensor, labels: Tensor): Tensor {
  expectRank('rightAnswers', 'logits', logits.shape, 2, '[batch, classes]');
  const [rows, columns] = logits.shape;
  if (labels.shape.length !== 1 || labels.size !== rows)
    throw new ShapeError(
      `rightAnswers: labels ${formatShape(labels.shape)} do not fit logits ${formatShape(logits.shape)}, expected [${rows}]`,
    );
  const output = outputOf('rightAnswers', [logits, labels], [rows]);
  output.backend.run({
    kernel: 'rightAnswers',
    inputs: { logits: logits.slot, labels: labels.slot },
    outputs: { output: output.slot },
    attributes: { rows, columns },
  });
  return differentiable(output, [logits, labels], () => []);
}
