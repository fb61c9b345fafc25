import { create } from '@bufbuild/protobuf';
import { base64Decode, base64Encode } from '@bufbuild/protobuf/wire';
import { type NamedValues, readSafetensors, writeSafetensors } from '../../tensor/safetensors';
import { isFloat, readTensor } from './element';
import { readExternalTensors } from './external';
import type { OpenOnnxOptions } from './import';
import { readGraph } from './model-graph';
import { DATA_TYPE, decodeOnnx, encodeOnnx, GraphProto, ModelProto, type OnnxModel, TensorProto } from './proto';

/** What the metadata of such a file call its architecture. */
export const FROZEN_ARCHITECTURE = 'onnx';

/**
 * An ONNX file as one safetensors file: its weights as float32 under their own names, and in the metadata `graph`, as
 * base64, the ONNX file without them. External files are then no longer needed.
 *
 * @throws Error in one sentence when the file could not be opened by openOnnx() either
 */
export const freezeOnnx = (
  bytes: Uint8Array,
  { source = 'the model', readExternal }: Pick<OpenOnnxOptions, 'source' | 'readExternal'> = {},
): Promise<{ bytes: Uint8Array; tensors: number }> =>
  inFile(source, async () => {
    const model = decodeModel(bytes, source);
    readGraph(model);
    const { graph } = model;
    const external = await readExternalTensors(model, readExternal);
    const tensors = new Map<string, NamedValues>();
    const initializer = (graph?.initializer ?? []).map((tensor) => {
      const { name, dims, dataType } = tensor;
      const { shape, values, type } = readTensor(tensor, external.get(tensor));
      const rawData = external.get(tensor);
      if (!isFloat(type)) return rawData ? create(TensorProto, { name, dims, dataType, rawData }) : tensor;
      tensors.set(name, { shape, values: Float32Array.from(values) });
      return create(TensorProto, { name, dims, dataType: DATA_TYPE.float });
    });
    const shell = create(ModelProto, {
      irVersion: model.irVersion,
      opsetImport: model.opsetImport,
      producerName: model.producerName,
      metadataProps: model.metadataProps,
      graph: create(GraphProto, {
        name: graph?.name ?? '',
        node: graph?.node ?? [],
        input: graph?.input ?? [],
        output: graph?.output ?? [],
        initializer,
      }),
    });
    const metadata = { architecture: FROZEN_ARCHITECTURE, graph: base64Encode(encodeOnnx(shell)) };
    return { bytes: writeSafetensors(tensors, metadata), tensors: tensors.size };
  });

/** Whether bytes are a safetensors file rather than ONNX: its header, which is JSON, follows its length. */
export const isSafetensors = (bytes: Uint8Array): boolean =>
  bytes.length > 8 && bytes[8] === 0x7b && bytes.subarray(5, 8).every((byte) => byte === 0);

/** The messages of an ONNX file, or of a frozen one with what its own metadata say. @throws Error when it is damaged */
export function decodeModel(bytes: Uint8Array, source: string): OnnxModel {
  if (isSafetensors(bytes)) return thawed(bytes, source);
  try {
    return decodeOnnx(bytes);
  } catch (error) {
    throw new Error(`it is no ONNX file, or damaged (${error instanceof Error ? error.message : error})`, {
      cause: error,
    });
  }
}

function thawed(bytes: Uint8Array, source: string): OnnxModel {
  const { tensors, metadata } = readSafetensors(bytes, source);
  if (metadata.architecture !== FROZEN_ARCHITECTURE || metadata.graph === undefined)
    throw new Error('it holds no imported network; likeness import writes such a file');
  const model = decodeOnnx(base64Decode(metadata.graph));
  for (const tensor of model.graph?.initializer ?? []) {
    const weights = tensors.get(tensor.name);
    if (weights) tensor.rawData = new Uint8Array(Float32Array.from(weights.values).buffer);
  }
  const { architecture: _, graph: __, options: ___, training: ____, ...said } = metadata;
  const kept = model.metadataProps.filter(({ key }) => said[key] === undefined);
  model.metadataProps = create(ModelProto, {
    metadataProps: [...kept, ...Object.entries(said).map(([key, value]) => ({ key, value }))],
  }).metadataProps;
  return model;
}

/** Errors say which file they are about. */
export async function inFile<T>(source: string, compute: () => T | Promise<T>): Promise<T> {
  try {
    return await compute();
  } catch (error) {
    throw new Error(`${source}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}
