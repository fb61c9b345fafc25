import { scale } from '../tensor/ops/arithmetic';
import { matmul } from '../tensor/ops/matmul';
import { l2Normalize } from '../tensor/ops/rows';
import type { Tensor } from '../tensor/tensor';
import { type Birth, Module } from './module';

/**
 * A classifier of directions: the logit of a class is `scale` times the cosine of the angle between the embedding and
 * the class's centre. `weight` [classes, embedding], a centre each, whose lengths do not matter (Wang et al. 2017,
 * NormFace). The margins of loss.ts make its task harder while training.
 */
export class CosineClassifier extends Module {
  readonly weight: Tensor;
  readonly scale: number;

  constructor(birth: Birth, embedding: number, classes: number, { scale = 64 }: { scale?: number } = {}) {
    super();
    const deviation = 1 / Math.sqrt(embedding); // centres of length 1, about
    this.weight = this.parameter(birth, 'weight', [classes, embedding], (random) => deviation * random.normal());
    this.scale = scale;
  }

  /** [batch, embedding] -> [batch, classes] */
  forward(embeddings: Tensor): Tensor {
    return scale(cosines(embeddings, this.weight), this.scale);
  }
}

/**
 * The cosine of the angle between each embedding and each centre.
 * [batch, length], [classes, length] -> [batch, classes]
 */
export const cosines = (embeddings: Tensor, centres: Tensor): Tensor =>
  matmul(l2Normalize(embeddings), l2Normalize(centres), undefined, { transposeRight: true });
