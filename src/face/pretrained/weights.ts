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

/** Every weight is decoded anew each time its values are asked for: what stays in memory is the file. */
export function decodeWeights(
  file: string,
  weights: readonly ManifestWeight[],
  bytes: Uint8Array,
): Map<string, NamedValues> {
  const decoded = new Map<string, NamedValues>();
  let offset = 0;
  for (const { name, shape, dtype, quantization } of weights) {
    const stored = quantization?.dtype ?? dtype;
    const start = offset;
    offset += sizeOf(shape) * (stored === 'uint8' ? 1 : 4);
    if (offset > bytes.length)
      throw new Error(`${file}: the weight file is cut short at ${name} (byte ${start} of ${bytes.length})`);
    const own = bytes.subarray(start, offset);
    decoded.set(name, {
      shape,
      get values() {
        return stored === 'uint8' ? dequantize(own, quantization) : plainNumbers(own, stored);
      },
    });
  }
  if (offset !== bytes.length) throw new Error(`${file}: the weight file has ${bytes.length - offset} bytes too many`);
  return decoded;
}

/** Little-endian numbers of four bytes. Copied, as they need not be aligned in the file. */
function plainNumbers(bytes: Uint8Array, type: string): Float32Array {
  const { buffer } = Uint8Array.from(bytes);
  return type === 'int32' ? Float32Array.from(new Int32Array(buffer)) : new Float32Array(buffer);
}

/** There are only 256 values, and looking one up is quicker than computing it. */
function dequantize(bytes: Uint8Array, { scale, min } = { scale: 1, min: 0 }): Float32Array {
  const meanings = Float32Array.from({ length: 256 }, (_, byte) => byte * scale + min);
  const values = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) values[i] = meanings[bytes[i]];
  return values;
}
