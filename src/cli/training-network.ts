import type { Example } from '../face/dataset';
import { readSource } from '../face/file-source';
import { openModel, readModel } from '../face/model';
import { OnnxEmbedder } from '../face/onnx-embedder';
import type { PixelShape } from '../face/pixels';
import { type AlignedPreprocessing, expectAligned } from '../face/preprocessing';
import type { Backend } from '../kernels/backend';
import { decodeModel } from '../nn/checkpoint';
import type { EmbeddingNetwork } from '../nn/embedding-network';
import { meanEmbedding } from '../nn/evaluation';
import { MiniResNet, type MiniResNetOptions, optionsOf } from '../nn/mini-resnet';
import { tuneOnnx } from '../nn/onnx/tuned-network';
import { folderOf } from '../platform/model-folder';
import { random } from '../tensor/random';
import type { NamedValues } from '../tensor/safetensors';
import { UserError } from './output';
import type { TrainOptions } from './train';
import { givenNetwork, hasMargin, type Recipe, startedNetwork } from './training-recipe';

/** The network that a training begins with, as far as it is known before the images are. */
export interface FirstNetwork {
  shape: PixelShape;
  /** Of a network that an ONNX file brought: how it wants its faces. */
  preprocessing?: AlignedPreprocessing;
  /** @param classes how many people it is to tell apart */
  open(classes: number, examples: readonly Example[]): Promise<EmbeddingNetwork>;
}

/** @throws UserError for a file that cannot be begun with */
export function firstNetwork(backend: Backend, options: TrainOptions, recipe: Recipe): Promise<FirstNetwork> {
  const { from, start } = options;
  if (from !== undefined) return networkOfOnnx(backend, from, options, recipe);
  return start === undefined ? newNetwork(backend, options, recipe) : startOf(backend, start, options, recipe);
}

/** A training that goes on. @param bytes of a checkpoint */
export function savedNetwork(backend: Backend, bytes: Uint8Array, source: string): FirstNetwork {
  const { network, input } = openModel(backend, bytes, source);
  return { shape: input, open: async () => network };
}

async function newNetwork(backend: Backend, options: TrainOptions, recipe: Recipe): Promise<FirstNetwork> {
  const made = { ...recipe.network, ...givenNetwork(options, recipe) };
  return { shape: shapeOf(made.input), open: async (classes) => born(backend, made, classes, options.seed) };
}

/** A stream of its own: the trainer's begins with the seed. */
const born = (backend: Backend, made: Recipe['network'], classes: number, seed: number): MiniResNet =>
  new MiniResNet({ backend, random: random(seed).fork() }, { ...made, classes });

function shapeOf({ height, width, channels }: MiniResNetOptions['input']): PixelShape {
  if (channels !== 1 && channels !== 3) throw new UserError(`images have 1 or 3 channels, the model takes ${channels}`);
  return { height, width, channels };
}

/** The weights of a model, which may see images of another size. */
async function startOf(backend: Backend, path: string, options: TrainOptions, recipe: Recipe): Promise<FirstNetwork> {
  const { model } = decodeModel((await readModel(path)).bytes, path);
  const made = startedNetwork(optionsOf(model.metadata, path), options, recipe);
  return {
    shape: shapeOf(made.input),
    async open(classes) {
      const network = born(backend, made, classes, options.seed);
      // Everything but the classifier, which is of other people: it stays as it was born.
      const isClassifier = ([name]: [string, NamedValues]) => name.startsWith('classifier.');
      const own = [...(await network.state())].filter(isClassifier);
      network.load(new Map([...[...model.tensors].filter((entry) => !isClassifier(entry)), ...own]), path);
      return network;
    },
  };
}

/** So many images tell where the middle of all embeddings is. */
const IMAGES_FOR_CENTRE = 512;

/** A network of an ONNX file, with a fresh classifier. */
async function networkOfOnnx(
  backend: Backend,
  path: string,
  options: TrainOptions,
  recipe: Recipe,
): Promise<FirstNetwork> {
  const { template: family, channels: order, range: told, seed } = options;
  const file = { onnx: path, ...(family && { template: family }), ...(order && { channels: order }) };
  const embedder = await OnnxEmbedder.open(backend, { ...file, ...(told && { range: told }) });
  const { output, dimension: embedding } = embedder;
  await embedder.dispose();
  const preprocessing = expectAligned(embedder.preprocessing, path);
  const { width, height, channels, range, standardisation } = preprocessing;
  const shape: PixelShape = { width, height, channels: channels === 'GRAY' ? 1 : 3 };
  const { bytes } = await readSource(path, 'the network');
  return {
    shape,
    preprocessing,
    async open(classes, examples) {
      const network = await tuneOnnx(
        { backend, random: random(seed).fork() },
        bytes,
        {
          ...{ input: shape, embedding, classes },
          preparation: { channels, range, standardisation },
          classifier: hasMargin(options, recipe) ? 'cosine' : 'linear',
          scale: recipe.network.scale,
        },
        { source: path, readExternal: folderOf(path), output },
      );
      // Embeddings of many networks lie in a narrow cone; about their middle, cosines tell more.
      const every = Math.max(1, Math.floor(examples.length / IMAGES_FOR_CENTRE));
      await network.centre(
        await meanEmbedding(
          network,
          examples.filter((_, k) => k % every === 0),
        ),
      );
      return network;
    },
  };
}
