import { platform } from '#platform';
import type { NamedValues } from '../../tensor/safetensors';
import { sizeOf } from '../../tensor/shape';

export type PretrainedName =
  | 'tiny_face_detector'
  | 'ssd_mobilenetv1'
  | 'face_landmark_68'
  | 'face_landmark_68_tiny'
  | 'face_recognition';

interface ManifestWeight {
  name: string;
  shape: number[];
  dtype: string;
  quantization?: { dtype: string; scale: number; min: number };
}

/**
 * Reads the weights of one network of @vladmandic/face-api: a JSON manifest, and a .bin file that holds the tensors
 * one after another. Quantised ones are bytes: value = q * scale + min, one pair a tensor.
 *
 * @param directory where the files lie; by default the installed npm package, in a browser ./weights/ beside the page
 */
export async function loadPretrained(
  name: PretrainedName,
  directory = platform.weightsDirectory(),
): Promise<Map<string, NamedValues>> {
  const [manifest, bytes] = await Promise.all([
    platform.readBytes(new URL(`${name}_model-weights_manifest.json`, directory)),
    platform.readBytes(new URL(`${name}_model.bin`, directory)),
  ]);
  const groups: { weights: ManifestWeight[] }[] = JSON.parse(new TextDecoder().decode(manifest));
  return decodeWeights(
    name,
    groups.flatMap(({ weights }) => weights),
    bytes,
  );
}

export function decodeWeights(
  file: string,
  weights: readonly ManifestWeight[],
  bytes: Uint8Array,
): Map<string, NamedValues> {
  const decoded = new Map<string, NamedValues>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  for (const { name, shape, dtype, quantization } of weights) {
    const stored = quantization?.dtype ?? dtype;
    const width = stored === 'uint8' ? 1 : 4;
    const size = sizeOf(shape);
    if (offset + size * width > bytes.length)
      throw new Error(`${file}: the weight file is cut short at ${name} (byte ${offset} of ${bytes.length})`);
    const read = (i: number): number => {
      if (stored === 'uint8') return bytes[offset + i];
      return stored === 'int32' ? view.getInt32(offset + 4 * i, true) : view.getFloat32(offset + 4 * i, true);
    };
    const { scale, min } = quantization ?? { scale: 1, min: 0 };
    const values = new Float32Array(size);
    for (let i = 0; i < size; i++) values[i] = read(i) * scale + min;
    decoded.set(name, { shape, values });
    offset += size * width;
  }
  if (offset !== bytes.length) throw new Error(`${file}: the weight file has ${bytes.length - offset} bytes too many`);
  return decoded;
}
