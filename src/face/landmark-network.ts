import type { Backend } from '../kernels/backend';
import { BatchNorm2d } from '../nn/batch-norm2d';
import { Conv2d } from '../nn/layers';
import { type Birth, Module } from '../nn/module';
import { ResidualBlock } from '../nn/residual-block';
import { relu } from '../tensor/ops/activations';
import { scale } from '../tensor/ops/arithmetic';
import { concat, slice } from '../tensor/ops/concat';
import { matmul } from '../tensor/ops/matmul';
import { softmax } from '../tensor/ops/rows';
import type { Safetensors } from '../tensor/safetensors';
import type { Tensor } from '../tensor/tensor';

/** Image-left eye, image-right eye, tip of the nose, image-left and image-right corner of the mouth. */
export const FIVE = 5;
/** Which of the five a point becomes in the mirror. */
export const FIVE_MIRRORED = [1, 0, 2, 4, 3];

/** Of the network's square input, in pixels. */
export const LANDMARK_SIDE = 56;
/** Channels of the stem and of each stage after it, and how many times smaller each makes the image's sides. */
const WIDTHS = [16, 24, 48, 48];
const STRIDES = [2, 2, 2, 1];
/** Of the heat maps: 7. */
const CELLS = LANDMARK_SIDE / STRIDES.reduce((product, stride) => product * stride, 1);

const ARCHITECTURE = 'likeness-landmarks-5';

/**
 * Five points of a face, by integral regression (Sun et al. 2018): a small residual network makes a heat map of 7 x 7
 * cells for each point, whose softmax says how likely the point is in each cell, and the point is the mean of the
 * cells' places. Means are as fine as they please, and a face that is shifted has shifted maps, which a dense layer
 * would have to learn anew for every place.
 *
 * images [batch, 56, 56, 3], RGB 0 to 1 -> [batch, 10]: x, y of each point in turn, -1 to 1 across the image
 *
 * Paths: stem.conv, stem.bn; stages.S with a ResidualBlock's; heat (convolution of 1x1); places [49, 2], which begin as
 * the middles of the cells and are learnt on.
 */
export class LandmarkNetwork extends Module {
  readonly #stem: Conv2d;
  readonly #stemNorm: BatchNorm2d;
  readonly #blocks: readonly ResidualBlock[];
  readonly #heat: Conv2d;
  readonly #places: Tensor;

  constructor(birth: Birth) {
    super();
    const [first, ...others] = WIDTHS;
    const stem = { inChannels: 3, outChannels: first, size: 3, stride: STRIDES[0] };
    this.#stem = this.child('stem.conv', new Conv2d(birth, stem));
    this.#stemNorm = this.child('stem.bn', new BatchNorm2d(birth, first));
    this.#blocks = others.map((outChannels, stage) => {
      const block = { inChannels: WIDTHS[stage], outChannels, stride: STRIDES[stage + 1] };
      return this.child(`stages.${stage}`, new ResidualBlock(birth, block));
    });
    const heat = { inChannels: WIDTHS[WIDTHS.length - 1], outChannels: FIVE, size: 1, bias: true };
    this.#heat = this.child('heat', new Conv2d(birth, heat));
    const places = cellPlaces();
    this.#places = this.parameter(birth, 'places', [CELLS * CELLS, 2], () => places.next().value ?? 0);
  }

  forward(images: Tensor): Tensor {
    let x = relu(this.#stemNorm.forward(this.#stem.forward(scale(images, 2, -1))));
    for (const block of this.#blocks) x = block.forward(x);
    const [batch] = images.shape;
    const heat = this.#heat.forward(x).reshape(batch * CELLS * CELLS, FIVE);
    const points = Array.from({ length: FIVE }, (_, point) => {
      const cells = slice(heat, 1, point, 1).reshape(batch, CELLS * CELLS);
      return matmul(softmax(cells), this.#places);
    });
    return concat(points, 1);
  }

  /** Goes into the metadata of a safetensors file, for landmarkNetworkFrom(). */
  metadata(): Record<string, string> {
    return { architecture: ARCHITECTURE };
  }
}

/** x, y of the middle of each cell, row by row, -1 to 1. */
function* cellPlaces(): Generator<number, undefined> {
  const middle = (cell: number) => (2 * cell + 1) / CELLS - 1;
  for (let row = 0; row < CELLS; row++)
    for (let column = 0; column < CELLS; column++) {
      yield middle(column);
      yield middle(row);
    }
}

/**
 * The network that a safetensors file holds.
 *
 * @param source for errors: the file
 * @throws Error in one sentence when the file is of another architecture or damaged
 */
export function landmarkNetworkFrom(
  backend: Backend,
  { tensors, metadata }: Safetensors,
  source: string,
): LandmarkNetwork {
  const { architecture = 'of an unnamed architecture' } = metadata;
  if (architecture !== ARCHITECTURE) throw new Error(`${source}: is no ${ARCHITECTURE}, but ${architecture}`);
  return new LandmarkNetwork({ backend }).loaded(tensors, source);
}
