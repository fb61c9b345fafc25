import type { Backend, Precision } from '../kernels/backend';
import { type LabelledImage, mirror } from '../nn/evaluation';
import { type Pixels, preparedPixels } from '../nn/prepared-pixels';
import { readSafetensors, writeSafetensors } from '../tensor/safetensors';
import { Tensor } from '../tensor/tensor';
import type { Affine, BoxCrop, Template } from './align';
import { type Calibrations, calibrate, type EmbeddingMode, pairDistances, parseCalibrations } from './calibrate';
import { type Embedder, type Embedding, embeddingsOfViews } from './embed';
import type { RawImage } from './image';
import { type FaceModel, openModel } from './model';
import { inputPixels } from './pixels';
import { PlannedNetwork } from './planned-network';
import { CROPS } from './preprocessing';
import type { Calibration } from './verify';
import { cutChip } from './warp';

/**
 * A network that `likeness train` made, as embedder. Faces are aligned to the template that it was trained with, cut,
 * resized and prepared as the network takes them, all as the training did.
 */
export class ModelEmbedder implements Embedder {
  readonly name: string;
  readonly dimension: number;
  readonly template: Template | BoxCrop;
  readonly calibrations: Calibrations;
  readonly #backend: Backend;
  readonly #model: FaceModel;
  readonly #planned: PlannedNetwork;
  readonly #shape: readonly [height: number, width: number, channels: number];

  /** Takes over the model's network, and disposes of it in the end. */
  constructor(backend: Backend, model: FaceModel, precision: Precision = 'full') {
    const { name, network, input, template, calibrations } = model;
    this.name = name;
    this.template = CROPS[template];
    this.dimension = network.options.embedding;
    this.calibrations = calibrations;
    this.#backend = backend;
    this.#model = model;
    this.#shape = [input.height, input.width, input.channels];
    this.#planned = new PlannedNetwork(backend, (images) => [network.embed(images)], precision);
  }

  prepare = (): Promise<void> => this.#planned.prepare(this.#shape);

  async embed(photo: RawImage, transforms: readonly Affine[], flip: boolean): Promise<Embedding[]> {
    const { side } = this.template;
    const chips = await Promise.all(transforms.map((transform) => cutChip(this.#backend, photo, transform, side)));
    return this.embedChips(chips, flip);
  }

  /** Chips may have any size: they are cut and resized as aligned images are for training. */
  embedChips(chips: readonly RawImage[], flip: boolean): Promise<Embedding[]> {
    return this.embedPixels(
      chips.map((chip) => inputPixels(chip, this.#model.input)),
      flip,
    );
  }

  /** @param images [height, width, channels] as the network takes them, bytes, or 0 to 1 */
  async embedPixels(images: readonly Pixels[], flip: boolean): Promise<Embedding[]> {
    const { input, network } = this.#model;
    const views = images.flatMap((pixels) => {
      const image = preparedPixels(pixels, network.preparation);
      return flip ? [image, mirror(image, input)] : [image];
    });
    const outputs = await this.#planned.run(views.length, this.#shape, (k) =>
      Tensor.from(this.#backend, views[k], [1, ...this.#shape]),
    );
    return embeddingsOfViews(
      outputs.map(([vector]) => vector),
      flip ? 2 : 1,
    );
  }

  async dispose(): Promise<void> {
    await this.#planned.dispose();
    this.#model.network.dispose();
  }
}

/** Of more images than this, those of the first people are compared: two million pairs are enough. */
const MOST_IMAGES = 2000;

/**
 * Finds a model's threshold and the probabilities of its distances, with and without flip averaging, from all pairs of
 * some labelled images, and writes them into its metadata as `calibration`. The images must not have been trained on.
 * Where they show people of the training, strangers are to be expected to be taken for one another a little more often.
 *
 * @param bytes  a model as `likeness train` writes it
 * @param images their pixels as the network takes them
 * @returns the bytes of the model with its calibration, which lacks what the images cannot tell: see calibrate()
 */
export async function calibrateModel(
  backend: Backend,
  bytes: Uint8Array,
  images: readonly LabelledImage[],
): Promise<{ bytes: Uint8Array; calibrations: Calibrations }> {
  const embedder = new ModelEmbedder(backend, openModel(backend, bytes));
  const compared = [...images].sort((a, b) => a.label - b.label).slice(0, MOST_IMAGES);
  const fit = async (flip: boolean): Promise<Calibration | undefined> => {
    const embeddings = await embedder.embedPixels(
      compared.map(({ pixels }) => pixels),
      flip,
    );
    return calibrate(
      pairDistances(
        embeddings.map(({ embedding }) => embedding),
        compared.map(({ label }) => label),
      ),
      'test images of its training',
    );
  };
  try {
    const [flip, plain] = [await fit(true), await fit(false)];
    const calibrations = { ...(flip && { flip }), ...(plain && { plain }) };
    return { bytes: withCalibrations(bytes, calibrations), calibrations };
  } finally {
    await embedder.dispose();
  }
}

/** A model with a calibration in place of the one for the same mode; that of the other mode stays. */
export function recalibrated(bytes: Uint8Array, mode: EmbeddingMode, calibration: Calibration, source = 'the model') {
  const before = parseCalibrations(readSafetensors(bytes).metadata.calibration, source);
  return withCalibrations(bytes, { ...before, [mode]: calibration });
}

function withCalibrations(bytes: Uint8Array, calibrations: Calibrations): Uint8Array {
  const { tensors, metadata } = readSafetensors(bytes);
  return writeSafetensors(tensors, { ...metadata, calibration: JSON.stringify(calibrations) });
}
