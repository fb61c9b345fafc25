import { combine, multiply, scale } from '../tensor/ops/arithmetic';
import { matmul } from '../tensor/ops/matmul';
import { mean, sum } from '../tensor/ops/reduce';
import { l2Normalize } from '../tensor/ops/rows';
import { formatShape, ShapeError } from '../tensor/shape';
import type { Tensor } from '../tensor/tensor';

/*
 * Losses of a student that learns from what a teacher makes of the same images. Both are put together from operations
 * that have gradients; the teacher's numbers are constants.
 */

/**
 * The mean over the batch of 1 - cos(student, teacher): where each image lies.
 *
 * @param embeddings [batch, length], of any length
 * @param targets    the teacher's, in the same shape
 * @returns a single number, 0 to 2
 */
export function cosineDistillation(embeddings: Tensor, targets: Tensor): Tensor {
  expectAlike('cosine distillation', embeddings, targets);
  const cosines = sum(multiply(l2Normalize(embeddings), l2Normalize(targets)));
  return scale(cosines, -1 / embeddings.shape[0], 1);
}

/**
 * The mean over all pairs of the batch of (cos(student, student') - cos(teacher, teacher'))^2: how the images lie to one
 * another, whatever the directions are. It is the distance-wise loss of relational distillation (Park et al. 2019,
 * section 3.2.1) on unit vectors, whose squared distance is 2 - 2 cos and needs no normalisation by the batch's mean.
 *
 * @param embeddings [batch, length], of any length
 * @param targets    the teacher's, [batch, any other length]
 * @returns a single number, 0 to 4
 */
export function relationalDistillation(embeddings: Tensor, targets: Tensor): Tensor {
  if (embeddings.shape[0] !== targets.shape[0])
    throw new ShapeError(
      `relational distillation: ${embeddings.shape[0]} embeddings for ${targets.shape[0]} of the teacher's`,
    );
  const difference = combine(cosinesWithin(embeddings), 1, cosinesWithin(targets), -1);
  return mean(multiply(difference, difference));
}

/** [batch, length] -> [batch, batch] */
function cosinesWithin(vectors: Tensor): Tensor {
  const units = l2Normalize(vectors);
  return matmul(units, units, undefined, { transposeRight: true });
}

function expectAlike(name: string, embeddings: Tensor, targets: Tensor): void {
  if (formatShape(embeddings.shape) !== formatShape(targets.shape))
    throw new ShapeError(
      `${name}: embeddings ${formatShape(embeddings.shape)} and the teacher's ${formatShape(targets.shape)} differ`,
    );
}
