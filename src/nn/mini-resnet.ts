import type { Backend } from '../kernels/backend';
import { relu } from '../tensor/ops/activations';
import { globalAveragePool } from '../tensor/ops/global-average-pool';
import type { Safetensors } from '../tensor/safetensors';
import { formatShape, ShapeError } from '../tensor/shape';
import type { Tensor } from '../tensor/tensor';
import { BatchNorm2d } from './batch-norm2d';
import { CosineClassifier } from './cosine-classifier';
import { EmbeddingNetwork, type EmbeddingNetworkOptions } from './embedding-network';
import { Conv2d, Dropout, Linear } from './layers';
import type { Birth } from './module';
import { parsedJson } from './parsed-json';
import { STANDARDIZED } from './prepared-pixels';
import { type BlockForm, ResidualBlock } from './residual-block';

export interface MiniResNetOptions extends EmbeddingNetworkOptions {
  /** Channels of each stage. Every stage but the first halves the image's sides. */
  widths: readonly number[];
  /** Blocks of each stage. */
  depths: readonly number[];
  stemStride: number;
  form: BlockForm;
  /** Without the skips, to see what they are for. */
  plain: boolean;
  /** Before the embedding, while training. */
  dropout: number;
  /** 'linear' for plain softmax; 'cosine' (unit vectors, scaled angles) for the margins of ArcFace and CosFace. */
  classifier: 'linear' | 'cosine';
  /** The length that a cosine classifier gives to its logits: 64 for ten thousand people, 16 for a hundred. */
  scale: number;
}

const DEFAULT: Omit<MiniResNetOptions, 'classes'> = {
  input: { height: 112, width: 112, channels: 3 },
  widths: [32, 64, 128, 256],
  depths: [2, 2, 2, 2],
  stemStride: 2,
  form: 'post-activation',
  plain: false,
  embedding: 128,
  dropout: 0,
  classifier: 'linear',
  scale: 16,
};

export const MINI_RESNET_PRESETS = {
  /** 2.83 million parameters without the classifier: ResNet-18 at half its widths, for crops of faces. */
  default: DEFAULT,
  /** 1.2 million: one block a stage and a fifth of the work for each image, for what must be learnt in little time. */
  small: { ...DEFAULT, input: { height: 48, width: 48, channels: 3 }, depths: [1, 1, 1, 1] },
  /** 0.32 million, on small grey images: learns a class of forty in a minute on two CPU cores. */
  tiny: {
    ...DEFAULT,
    input: { height: 56, width: 48, channels: 1 },
    widths: [16, 32, 64, 128],
    depths: [1, 1, 1, 1],
    stemStride: 1,
  },
} as const satisfies Record<string, Omit<MiniResNetOptions, 'classes'>>;

const ARCHITECTURE = 'mini-resnet';

/**
 * A small residual network: a convolution as stem, stages of residual blocks, the mean over all positions, a dense
 * layer whose normalised output is the embedding, and a classifier on top of it.
 *
 * images [batch, height, width, channels] -> embed: [batch, embedding] -> classify: [batch, classes] (logits)
 *
 * Paths: stem.conv, stem.bn; stages.S.B with a ResidualBlock's; bn (pre-activation only, before the mean);
 * embedding.dense, embedding.bn; classifier.
 */
export class MiniResNet extends EmbeddingNetwork {
  readonly options: MiniResNetOptions;
  readonly preparation = STANDARDIZED;
  readonly classifier: Linear | CosineClassifier | undefined;
  readonly #stem: Conv2d;
  readonly #stemNorm: BatchNorm2d | undefined;
  readonly #blocks: readonly ResidualBlock[];
  readonly #lastNorm: BatchNorm2d | undefined;
  readonly #dropout: Dropout;
  readonly #dense: Linear;
  readonly #embeddingNorm: BatchNorm2d;

  /** @param options `classes`, and whatever differs from the default preset */
  constructor(birth: Birth, options: Partial<MiniResNetOptions> & { classes: number }) {
    super();
    const all = { ...DEFAULT, ...options };
    const { input, widths, depths, stemStride, form, plain, embedding, classes } = all;
    if (widths.length === 0 || widths.length !== depths.length)
      throw new Error(`mini-resnet: ${widths.length} widths for ${depths.length} depths; each stage needs one of both`);
    this.options = all;

    const [first] = widths;
    const stem = { inChannels: input.channels, outChannels: first, size: 3, stride: stemStride };
    this.#stem = this.child('stem.conv', new Conv2d(birth, stem));
    // The first block of pre-activation begins with a norm of its own.
    if (form !== 'pre-activation') this.#stemNorm = this.child('stem.bn', new BatchNorm2d(birth, first));

    const blocks: ResidualBlock[] = [];
    let inChannels = first;
    for (const [stage, outChannels] of widths.entries())
      for (let index = 0; index < depths[stage]; index++) {
        const stride = stage > 0 && index === 0 ? 2 : 1;
        const block = new ResidualBlock(birth, { inChannels, outChannels, stride, form, plain });
        blocks.push(this.child(`stages.${stage}.${index}`, block));
        inChannels = outChannels;
      }
    this.#blocks = blocks;
    if (form === 'pre-activation') this.#lastNorm = this.child('bn', new BatchNorm2d(birth, inChannels));

    this.#dropout = this.child('dropout', new Dropout(all.dropout));
    this.#dense = this.child('embedding.dense', new Linear(birth, inChannels, embedding, { bias: false }));
    this.#embeddingNorm = this.child('embedding.bn', new BatchNorm2d(birth, embedding));
    if (classes > 0)
      this.classifier = this.child(
        'classifier',
        all.classifier === 'linear'
          ? new Linear(birth, embedding, classes)
          : new CosineClassifier(birth, embedding, classes, { scale: all.scale }),
      );
  }

  embed(images: Tensor): Tensor {
    const { channels } = this.options.input;
    if (images.shape.length !== 4 || images.shape[3] !== channels)
      throw new ShapeError(
        `mini-resnet: images ${formatShape(images.shape)}, expected [batch,height,width,${channels}]`,
      );
    const stem = this.#stem.forward(images);
    let x = this.#stemNorm ? relu(this.#stemNorm.forward(stem)) : stem;
    for (const block of this.#blocks) x = block.forward(x);
    if (this.#lastNorm) x = relu(this.#lastNorm.forward(x));
    return this.#embeddingNorm.forward(this.#dense.forward(this.#dropout.forward(globalAveragePool(x))));
  }

  /** What miniResNetFrom() needs besides the weights; goes into the metadata of a safetensors file. */
  metadata(): Record<string, string> {
    return { architecture: ARCHITECTURE, options: JSON.stringify(this.options) };
  }
}

/**
 * The network that a safetensors file describes, with its weights.
 *
 * @param source for errors: the file
 * @throws Error in one sentence when the file is of another architecture or damaged
 */
export function miniResNetFrom(backend: Backend, { tensors, metadata }: Safetensors, source = 'the model'): MiniResNet {
  return new MiniResNet({ backend }, optionsOf(metadata, source)).loaded(tensors, source);
}

/** What the network of a file was made with. @throws Error in one sentence when it is of another architecture */
export function optionsOf(metadata: Record<string, string>, source: string): MiniResNetOptions {
  const { architecture = 'of an unnamed architecture', options } = metadata;
  if (architecture !== ARCHITECTURE) throw new Error(`${source}: is no ${ARCHITECTURE}, but ${architecture}`);
  return parsedJson(options, isOptions, `${source}: does not say which options its ${ARCHITECTURE} was made with`);
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;
const areCounts = (value: unknown) => Array.isArray(value) && value.length > 0 && value.every(isCount);

function isOptions(value: unknown): value is MiniResNetOptions {
  if (typeof value !== 'object' || value === null) return false;
  const options: Partial<Record<keyof MiniResNetOptions, unknown>> = value;
  const { input } = options;
  return (
    typeof input === 'object' &&
    input !== null &&
    ['height', 'width', 'channels'].every((side) => isCount(new Map(Object.entries(input)).get(side))) &&
    areCounts(options.widths) &&
    areCounts(options.depths) &&
    [options.stemStride, options.embedding].every(isCount) &&
    (options.classes === 0 || isCount(options.classes)) &&
    ['article', 'post-activation', 'pre-activation'].includes(String(options.form)) &&
    ['linear', 'cosine'].includes(String(options.classifier)) &&
    typeof options.plain === 'boolean' &&
    typeof options.dropout === 'number' &&
    typeof options.scale === 'number'
  );
}
