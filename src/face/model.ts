import type { Backend } from '../kernels/backend';
import { decodeModel } from '../nn/checkpoint';
import type { EmbeddingNetwork } from '../nn/embedding-network';
import { miniResNetFrom } from '../nn/mini-resnet';
import { isTuned, tunedNetworkFrom } from '../nn/onnx/tuned-network';
import type { NamedValues } from '../tensor/safetensors';
import { type Calibrations, parseCalibrations } from './calibrate';
import { type FileSource, readSource } from './file-source';
import type { PixelShape } from './pixels';
import { CROPS, type CropName } from './preprocessing';

/** A model file, as `likeness train` writes it. A string is a file's path in Node and a URL in a browser. */
export type ModelSource = FileSource;

/** A trained network, and what its file says about it. */
export interface FaceModel {
  /** The same for the same weights: embeddings of models with other names are not to be compared. */
  name: string;
  network: EmbeddingNetwork;
  /** The people that it tells apart; none of a network that learnt from a teacher alone. */
  names: readonly string[];
  /** The shape of the aligned faces that it takes. */
  input: PixelShape;
  /** How its faces are cut out. */
  template: CropName;
  calibrations: Calibrations;
}

/** What errors call a model, and its bytes. @throws Error in one sentence when it cannot be read */
export async function readModel(source: ModelSource): Promise<{ bytes: Uint8Array; name: string }> {
  try {
    return await readSource(source, 'the model');
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}; likeness train makes a model`, {
      cause: error,
    });
  }
}

/**
 * Takes a model file apart; `network` is the caller's, to be disposed of.
 *
 * @param source for errors: the file
 * @throws Error in one sentence when the file is cut short, of another architecture, or does not name its people
 */
export function openModel(backend: Backend, bytes: Uint8Array, source = 'the model'): FaceModel {
  const { model } = decodeModel(bytes, source);
  const { tensors, metadata } = model;
  const calibrations = parseCalibrations(metadata.calibration, source);
  const names = parseNames(metadata.names);
  const isTunedOne = isTuned(metadata);
  const network = isTunedOne ? tunedNetworkFrom(backend, model, source) : miniResNetFrom(backend, model, source);
  const { input, classes } = network.options;
  const { height, width, channels } = input;
  try {
    if (names?.length !== classes)
      throw new Error(`${source}: names ${names?.length ?? 'none'} of the ${classes} people that it tells apart`);
    if (channels !== 1 && channels !== 3)
      throw new Error(`${source}: takes images of ${channels} channels; those of pictures are 1 or 3`);
    const name = `${isTunedOne ? 'onnx' : 'mini-resnet'} ${fingerprint([...tensors.values()].map(bytesOf))}`;
    const template = templateIn(metadata, source);
    return { name, network, names, input: { height, width, channels }, template, calibrations };
  } catch (error) {
    network.dispose();
    throw error;
  }
}

function templateIn({ template, focus = 'whole' }: Record<string, string>, source: string): CropName {
  if (template !== undefined) {
    if (!isCropName(template)) throw new Error(`${source}: cuts faces out as ${template}, which is not known`);
    return template;
  }
  if (focus !== 'whole' && focus !== 'upper')
    throw new Error(`${source}: looks at the part ${focus} of a face; whole and upper are known`);
  return focus === 'upper' ? 'upper' : 'arcface';
}

const isCropName = (name: string): name is CropName => Object.hasOwn(CROPS, name);

function parseNames(json: string | undefined): string[] | undefined {
  try {
    const names: unknown = JSON.parse(json ?? '');
    return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : undefined;
  } catch {
    return undefined;
  }
}

const bytesOf = ({ values }: NamedValues) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** Eight hexadecimal digits of all weights: FNV-1a (Fowler, Noll, Vo), 32 bits. Against mix-ups, not against malice. */
export function fingerprint(parts: readonly Uint8Array[]): string {
  let hash = 0x811c9dc5;
  for (const bytes of parts) for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
