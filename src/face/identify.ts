import type { Backend } from '../kernels/backend';
import { logitsOfBothSides, stacked } from '../nn/evaluation';
import type { Pixels } from '../nn/prepared-pixels';
import { noGradient } from '../tensor/autograd';
import { softmax } from '../tensor/ops/rows';
import { scope } from '../tensor/scope';
import type { BoxCrop, Template } from './align';
import { type FaceModel, openModel } from './model';
import type { PixelShape } from './pixels';
import { CROPS } from './preprocessing';

export interface Candidate {
  name: string;
  /** By softmax over the people the model knows; together they are 1. Somebody else's face gets such names as well. */
  probability: number;
}

export interface Identification extends Candidate {
  /** The most probable, the first of which is the answer. */
  top: Candidate[];
}

/** A trained network and the names of the people it tells apart: who of them is it? */
export class ClosedSet {
  readonly names: readonly string[];
  /** The shape of the aligned faces that it takes. */
  readonly input: PixelShape;
  /** What faces are aligned to. */
  readonly template: Template | BoxCrop;
  readonly #network: FaceModel['network'];

  /** The model's network stays the caller's, unless dispose() is called. */
  constructor({ network, names, input, template }: FaceModel) {
    this.#network = network;
    this.template = CROPS[template];
    this.names = names;
    this.input = input;
  }

  /**
   * @param bytes  a model as `likeness train` writes it
   * @param source for errors: the file
   * @throws Error in one sentence when the file is cut short, of another architecture, or does not name its people
   */
  static open(backend: Backend, bytes: Uint8Array, source = 'the model'): ClosedSet {
    return new ClosedSet(openModel(backend, bytes, source));
  }

  /**
   * Each face is looked at as it is and in the mirror.
   *
   * @param faces aligned faces, each of the shape `input`, of any brightness and contrast
   * @param count how many candidates to name
   */
  async identify(faces: readonly Pixels[], count = 5): Promise<Identification[]> {
    if (this.names.length === 0)
      throw new Error('the model names nobody, for it learnt from a teacher; compare faces with it (likeness verify)');
    if (faces.length === 0) return [];
    const probabilities = await noGradient(() => {
      using _ = scope();
      return softmax(logitsOfBothSides(this.#network, stacked(faces, this.#network.preparation))).data();
    });
    const { names } = this;
    return faces.map((_, row) => {
      const candidates = names.map((name, k) => ({ name, probability: probabilities[row * names.length + k] }));
      const top = candidates.sort((a, b) => b.probability - a.probability).slice(0, count);
      return { ...top[0], top };
    });
  }

  dispose(): void {
    this.#network.dispose();
  }
}
