import { platform } from '#platform';
import type { Backend, Precision } from '../kernels/backend';
import type { OnnxPort } from '../nn/onnx/import';
import { Tensor } from '../tensor/tensor';
import type { Affine, BoxCrop, Template } from './align';
import { type Calibrations, type EmbeddingMode, parseCalibrations } from './calibrate';
import { type Embedder, type Embedding, embeddingsOfViews } from './embed';
import type { FileSource } from './file-source';
import type { RawImage } from './image';
import { ImageNetwork } from './image-network';
import { fingerprint } from './model';
import {
  CROPS,
  checkPreprocessing,
  PRESETS,
  type Preprocessing,
  type PresetName,
  parsePreprocessing,
  preparedViews,
} from './preprocessing';
import type { Calibration } from './verify';
import { cutChip } from './warp';

/** An embedding network, and how it wants its faces, where neither its metadata nor the file beside it says so. */
export interface OnnxEmbedderFile {
  onnx: FileSource;
  /** The family that it is of. */
  template?: PresetName;
  /** In place of the template's. */
  channels?: 'RGB' | 'BGR';
  /** What a pixel's 0 and 255 become, in place of the template's. */
  range?: readonly [lowest: number, highest: number];
}

/** What is kept of a network in a file beside it, `model.onnx.json`: how it wants its faces, and what distances mean. */
export interface Companion {
  preprocessing?: Preprocessing;
  calibration?: Calibrations;
}

/** A network out of an ONNX file, as embedder. */
export class OnnxEmbedder implements Embedder {
  readonly name: string;
  readonly dimension: number;
  readonly template: Template | BoxCrop;
  readonly calibrations: Calibrations;
  readonly preprocessing: Preprocessing;
  /** The output that is the embedding. */
  readonly output: string;
  readonly #backend: Backend;
  readonly #network: ImageNetwork;

  private constructor(
    backend: Backend,
    network: ImageNetwork,
    known: {
      preprocessing: Preprocessing;
      template: Template | BoxCrop;
      calibrations: Calibrations;
      output: string;
      dimension: number;
    },
  ) {
    const { preprocessing, output } = known;
    // The same network shown its faces in another way gives other embeddings.
    const identity = JSON.stringify([network.fingerprint, preprocessing, output]);
    this.name = `onnx ${fingerprint([new TextEncoder().encode(identity)])}`;
    this.dimension = known.dimension;
    this.template = known.template;
    this.calibrations = known.calibrations;
    this.preprocessing = preprocessing;
    this.#backend = backend;
    this.#network = network;
    this.output = output;
  }

  /** @throws Error in one sentence when the file cannot be read, is no embedder, or nobody says how it wants its faces */
  static async open(backend: Backend, file: OnnxEmbedderFile, precision?: Precision): Promise<OnnxEmbedder> {
    const companion = await readCompanion(file.onnx);
    const network = await ImageNetwork.open(backend, file.onnx, 'the embedder', precision);
    try {
      const { preprocessing, calibrations } = whatIsKnown(network, file, companion);
      if (preprocessing.template === undefined)
        throw new Error(`${network.file}: is shown photos or boxes of faces, and is no embedder of aligned ones`);
      const output = embeddingOf(network);
      const dimension = await dimensionOf(backend, network, output, preprocessing);
      return new OnnxEmbedder(backend, network, {
        preprocessing,
        template: CROPS[preprocessing.template],
        calibrations,
        output: output.name,
        dimension,
      });
    } catch (error) {
      await network.dispose();
      throw error;
    }
  }

  prepare = (): Promise<void> => this.#network.prepare(this.preprocessing, [this.output]);

  async embed(photo: RawImage, transforms: readonly Affine[], flip: boolean): Promise<Embedding[]> {
    const { side } = this.template;
    const chips = await Promise.all(transforms.map((transform) => cutChip(this.#backend, photo, transform, side)));
    return this.embedChips(chips, flip);
  }

  /** Chips may have any size: they are cut and resized to what the network takes. */
  async embedChips(chips: readonly RawImage[], flip: boolean): Promise<Embedding[]> {
    const { width, height } = this.preprocessing;
    const { channels } = this.#network.input;
    const views = chips.flatMap((chip) => preparedViews(chip, this.preprocessing, flip));
    const outputs = await this.#network.run(
      views.length,
      { width, height },
      (k) => Tensor.from(this.#backend, views[k], [1, height, width, channels]),
      { outputs: [this.output] },
    );
    return embeddingsOfViews(
      outputs.map(([{ values }]) => values),
      flip ? 2 : 1,
    );
  }

  dispose = (): Promise<void> => this.#network.dispose();
}

/** How the faces are to be prepared, and which calibrations are for faces that are prepared so. */
function whatIsKnown(
  network: ImageNetwork,
  { template, channels, range }: OnnxEmbedderFile,
  companion: Companion,
): { preprocessing: Preprocessing; calibrations: Calibrations } {
  const { file, metadata, input } = network;
  const own = metadata.get('preprocessing');
  const told = own === undefined ? undefined : parsePreprocessing(own, file);
  const base: Preprocessing | undefined = template ? PRESETS[template] : (companion.preprocessing ?? told);
  if (!base)
    throw new Error(
      `${file}: does not say how it wants its faces; name the family that it is of: ${Object.keys(PRESETS).join(', ')} ` +
        '(template, on the command line --template)',
    );
  const inputSize = { width: input.width ?? base.width, height: input.height ?? base.height };
  const colours = channels ?? (base.channels === 'GRAY' ? 'RGB' : base.channels);
  const fitting = (preprocessing: Preprocessing): Preprocessing => ({
    ...preprocessing,
    ...inputSize,
    channels: input.channels === 1 ? 'GRAY' : colours,
  });
  const preprocessing: Preprocessing = { ...fitting(base), ...(range && { range }) };
  const isAsIn = (other: Preprocessing | undefined) =>
    other !== undefined &&
    JSON.stringify(checkPreprocessing(other, file)) === JSON.stringify(checkPreprocessing(preprocessing, file));
  const calibrations = isAsIn(companion.preprocessing)
    ? (companion.calibration ?? {})
    : isAsIn(told)
      ? parseCalibrations(metadata.get('calibration'), file)
      : {};
  return { preprocessing, calibrations };
}

/** The output of that name, else the first: others are lengths or logits. @throws Error for one with several rows */
function embeddingOf({ outputs, file }: ImageNetwork): OnnxPort {
  const output = outputs.find(({ name }) => name === 'embedding') ?? outputs[0];
  if (!output) throw new Error(`${file}: has no output`);
  const { name, shape } = output;
  if (shape.slice(1).filter((side) => side !== 1).length > 1)
    throw new Error(
      `${file}: its output ${name} [${shape.map((side) => side ?? '?').join(', ')}] is no embedding, which is one row of ` +
        'numbers for each face',
    );
  return output;
}

/** How many numbers an embedding has: as the file says, or where it leaves that open, as many as come of an empty chip. */
async function dimensionOf(
  backend: Backend,
  network: ImageNetwork,
  { name, shape }: OnnxPort,
  { width, height }: Preprocessing,
): Promise<number> {
  let dimension = 1;
  for (const side of shape.slice(1)) dimension *= side ?? Number.NaN;
  if (shape.length > 1 && dimension > 1) return dimension;
  const { channels } = network.input;
  const blank = () => Tensor.from(backend, new Float32Array(width * height * channels), [1, height, width, channels]);
  const [[{ values }]] = await network.run(1, { width, height }, blank, { outputs: [name] });
  if (values.length < 2) throw new Error(`${network.file}: gives a single number, ${name}, and no embedding`);
  return values.length;
}

/** Where the file beside a network lies; none of bytes. */
export function companionPath(onnx: string): string;
export function companionPath(onnx: FileSource): string | URL | undefined;
export function companionPath(onnx: FileSource): string | URL | undefined {
  if (typeof onnx === 'string') return `${onnx}.json`;
  return onnx instanceof URL ? new URL(`${onnx.href}.json`) : undefined;
}

/** What stands beside a network; nothing where no file does. @throws Error in one sentence for a damaged one */
export async function readCompanion(onnx: FileSource): Promise<Companion> {
  const path = companionPath(onnx);
  if (path === undefined) return {};
  let bytes: Uint8Array;
  try {
    bytes = await platform.readBytes(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code !== 'ENOENT') throw error;
    return {};
  }
  const source = path instanceof URL ? path.href : path;
  const value = parsed(new TextDecoder().decode(bytes));
  if (typeof value !== 'object' || value === null)
    throw new Error(`${source}: cannot be understood; remove it, or calibrate the model anew`);
  const calibration = 'calibration' in value ? parseCalibrations(JSON.stringify(value.calibration), source) : undefined;
  return {
    ...('preprocessing' in value && { preprocessing: checkPreprocessing(value.preprocessing, source) }),
    ...(calibration && { calibration }),
  };
}

/** What is to stand beside a network once it is calibrated: the other mode's calibration stays, if it is of the same chips. */
export function calibratedCompanion(
  before: Companion,
  preprocessing: Preprocessing,
  mode: EmbeddingMode,
  calibration: Calibration,
): string {
  const isSame =
    JSON.stringify(before.preprocessing) === JSON.stringify(checkPreprocessing(preprocessing, 'the model'));
  const calibrations: Calibrations = { ...(isSame && before.calibration), [mode]: calibration };
  return `${JSON.stringify({ preprocessing, calibration: calibrations }, null, 2)}\n`;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
