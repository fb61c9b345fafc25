import type { Backend } from '../kernels/backend';
import { type Affine, type BoxCrop, DLIB_TEMPLATE, mirrored, type Template } from './align';
import type { Calibrations, EmbeddingMode } from './calibrate';
import { ImageError, nameOf, type RawImage } from './image';
import { Network, type NetworkOptions } from './network';
import type { Calibration } from './verify';
import { warpPhoto } from './warp';

/**
 * Thresholds and probabilities for this network behind our own detection, landmarks and alignment. Fitted on all 3,200
 * pairs of LFW's View 1 by `likeness evaluate lfw DIR --view 1 --calibrate` (with `--no-flip` for `plain`), never on
 * View 2. At the threshold of `flip` 8 of 1,600 pairs of different people match falsely, 0.5 %; at the stricter one, a
 * single one: View 1 cannot resolve less. The slopes are the logistic regression's; its centres, 0.4209 and 0.4322, are
 * moved down to the thresholds, so that "the same" always means a probability of a half or more.
 */
export const CALIBRATION: Record<EmbeddingMode, Calibration> = {
  flip: {
    threshold: 0.412,
    slope: 73.5,
    centre: 0.412,
    falseMatchRate: 0.005,
    stricter: [{ threshold: 0.3634, falseMatchRate: 0.000625 }],
    origin: 'LFW View 1',
  },
  plain: {
    threshold: 0.424,
    slope: 70.63,
    centre: 0.424,
    stricter: [{ threshold: 0.3833, falseMatchRate: 0.000625 }],
    origin: 'LFW View 1',
  },
};

export interface Embedding {
  /** A face as numbers, of length 1: the dot product of two is the cosine of their angle. */
  embedding: Float32Array;
  /** The length before it was made 1; of the pretrained network about 1.3 to 1.5 for a clear face. */
  norm: number;
}

/** A network that makes an aligned face a point, such that faces of one person lie close together. */
export interface Embedder {
  /** Embeddings of embedders with different names are not to be compared. */
  readonly name: string;
  /** How many numbers an embedding has. */
  readonly dimension: number;
  /** What faces are aligned to, or how their boxes are cut out. */
  readonly template: Template | BoxCrop;
  /** What its distances mean, where that is known. */
  readonly calibrations: Calibrations;
  /** Makes ready what one face needs, so that the first is as fast as the next. */
  prepare(): Promise<void>;
  /**
   * @param transforms from a pixel of each aligned chip, of the template's size, to a pixel of the photo
   * @param flip embed each chip and its mirror image and add the two before the length is made 1
   */
  embed(photo: RawImage, transforms: readonly Affine[], flip: boolean): Promise<Embedding[]>;
  /** The same for chips that are aligned already. @throws ImageError for a size that the embedder does not take */
  embedChips(chips: readonly RawImage[], flip: boolean): Promise<Embedding[]>;
  dispose(): Promise<void>;
}

export const PRETRAINED = { name: 'dlib face ResNet', dimension: 128 } as const;

/** dlib's face ResNet. */
export class PretrainedEmbedder implements Embedder {
  readonly name = PRETRAINED.name;
  readonly dimension = PRETRAINED.dimension;
  readonly template = DLIB_TEMPLATE;
  readonly calibrations = CALIBRATION;
  readonly #backend: Backend;
  readonly #network: Network;

  private constructor(backend: Backend, network: Network) {
    this.#backend = backend;
    this.#network = network;
  }

  static async open(backend: Backend, options?: NetworkOptions): Promise<PretrainedEmbedder> {
    return new PretrainedEmbedder(backend, await Network.open(backend, 'face_recognition', options));
  }

  prepare = (): Promise<void> => this.#network.prepare(this.template.side);

  async embed(photo: RawImage, transforms: readonly Affine[], flip: boolean): Promise<Embedding[]> {
    const { side } = this.template;
    const views = flip ? transforms.flatMap((chip) => [chip, mirrored(chip, side)]) : transforms;
    const outputs = await this.#network.run(views.length, side, (k) => warpPhoto(this.#backend, photo, views[k], side));
    return embeddingsOfViews(
      outputs.map(([vector]) => vector),
      flip ? 2 : 1,
    );
  }

  async embedChips(chips: readonly RawImage[], flip: boolean): Promise<Embedding[]> {
    const { side } = this.template;
    for (const chip of chips)
      if (chip.width !== side || chip.height !== side)
        throw new ImageError(`${nameOf(chip)} is ${chip.width}x${chip.height}; an aligned chip is ${side}x${side}`);
    const embeddings = await Promise.all(chips.map((chip) => this.embed(chip, [[1, 0, 0, 0, 1, 0]], flip)));
    return embeddings.flat();
  }

  dispose = (): Promise<void> => this.#network.dispose();
}

/** For each face an embedding, of so many views of it that follow one another. */
export function embeddingsOfViews(vectors: readonly ArrayLike<number>[], each: number): Embedding[] {
  return Array.from({ length: vectors.length / each }, (_, k) =>
    unitEmbedding(vectors.slice(each * k, each * (k + 1))),
  );
}

/** The mean of what the views of one face gave, with its length made 1. */
export function unitEmbedding(views: readonly ArrayLike<number>[]): Embedding {
  const mean = Float64Array.from(views[0], (_, i) => views.reduce((sum, view) => sum + view[i], 0) / views.length);
  const norm = Math.hypot(...mean);
  return { embedding: Float32Array.from(mean, (value) => value / Math.max(norm, 1e-12)), norm };
}
