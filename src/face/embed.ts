import type { Backend } from '../kernels/backend';
import { type Affine, DLIB_TEMPLATE, mirrored } from './align';
import type { RawImage } from './image';
import { Network } from './network';
import type { Calibration } from './verify';
import { warpPhoto } from './warp';

/**
 * Thresholds and probabilities for this network behind our own detection, landmarks and alignment. Fitted on all 3,200
 * pairs of LFW's View 1 by `npm run bench -- lfw ../shared/faces/lfw --view 1` (with `--no-flip` for `plain`), never on
 * View 2. At the threshold of `flip` 8 of 1,600 pairs of different people match falsely, 0.5 %. The slopes
 * are the logistic regression's; its centres, 0.4209 and 0.4322, are moved down to the thresholds, so that "the same"
 * always means a probability of a half or more.
 */
export const CALIBRATION: Record<'flip' | 'plain', Calibration> = {
  flip: { threshold: 0.412, slope: 73.5, centre: 0.412 },
  plain: { threshold: 0.424, slope: 70.63, centre: 0.424 },
};

export interface Embedding {
  /** 128 numbers, of length 1: the dot product of two is the cosine of their angle. */
  embedding: Float32Array;
  /** The length before it was made 1; about 1.3 to 1.5 for a clear face. */
  norm: number;
}

/** dlib's face ResNet: an aligned face becomes a point, and faces of one person lie close together. */
export class Embedder {
  readonly template = DLIB_TEMPLATE;
  readonly #backend: Backend;
  readonly #network: Network;

  private constructor(backend: Backend, network: Network) {
    this.#backend = backend;
    this.#network = network;
  }

  static async open(backend: Backend, weights?: URL): Promise<Embedder> {
    return new Embedder(backend, await Network.open(backend, 'face_recognition', weights));
  }

  prepare = (): Promise<void> => this.#network.prepare(this.template.side);

  /**
   * @param chips from a pixel of each chip to a pixel of the photo
   * @param flip  embed each chip and its mirror image and add the two before the length is made 1
   */
  async embed(photo: RawImage, chips: readonly Affine[], flip: boolean): Promise<Embedding[]> {
    const { side } = this.template;
    const views = flip ? chips.flatMap((chip) => [chip, mirrored(chip, side)]) : chips;
    const outputs = await this.#network.run(views.length, side, (k) => warpPhoto(this.#backend, photo, views[k], side));
    const vectors = outputs.map(([vector]) => vector);
    return chips.map((_, k) => (flip ? normalize(mean(vectors[2 * k], vectors[2 * k + 1])) : normalize(vectors[k])));
  }

  dispose = (): Promise<void> => this.#network.dispose();
}

const mean = (a: ArrayLike<number>, b: ArrayLike<number>) => Float64Array.from(a, (value, i) => (value + b[i]) / 2);

function normalize(vector: ArrayLike<number>): Embedding {
  const numbers = Float64Array.from(vector);
  const norm = Math.hypot(...numbers);
  return { embedding: Float32Array.from(numbers, (value) => value / Math.max(norm, 1e-12)), norm };
}
