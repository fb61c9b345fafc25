import type { Tensor } from '../tensor/tensor';
import type { CosineClassifier } from './cosine-classifier';
import type { Linear } from './layers';
import { Module } from './module';
import type { PixelPreparation } from './prepared-pixels';

/** The images that a network takes, and what it makes of them. */
export interface EmbeddingNetworkOptions {
  input: { height: number; width: number; channels: number };
  /** How many numbers an embedding has. */
  embedding: number;
  /** 0 for a network that tells nobody's name: it has no classifier, and learns from a teacher. */
  classes: number;
}

/** A network that a Trainer can train: it makes embeddings of images, and of those, where it knows people, logits. */
export abstract class EmbeddingNetwork extends Module {
  abstract readonly options: EmbeddingNetworkOptions;
  /** What becomes of an image's pixels before the network sees them. */
  abstract readonly preparation: PixelPreparation;
  abstract readonly classifier: Linear | CosineClassifier | undefined;

  /** What two images of one person should share; compare by cosine. [batch, height, width, channels] -> [batch, embedding] */
  abstract embed(images: Tensor): Tensor;

  /** What a file must hold besides the weights, to make the network again. */
  abstract metadata(): Record<string, string>;

  /** Logits, one a class. */
  forward(images: Tensor): Tensor {
    return this.classify(this.embed(images));
  }

  /** @throws Error for a network of 0 classes */
  classify(embeddings: Tensor): Tensor {
    if (!this.classifier) throw new Error('the network was trained without names, and has no classifier');
    return this.classifier.forward(embeddings);
  }
}
