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
        return dequantize(plainNumbers(own, stored), quantization);
      },
    });
  }
  if (offset !== bytes.length) throw new Error(`${file}: the weight file has ${bytes.length - offset} bytes too many`);
  return decoded;
}

type PlainNumbers = Uint8Array | Int32Array | Float32Array;

/** The numbers as they are stored, little-endian. Copied, as they need not be aligned in the file. */
function plainNumbers(bytes: Uint8Array, type: string): PlainNumbers {
  if (type === 'uint8') return bytes;
  const { buffer } = Uint8Array.from(bytes);
  return type === 'int32' ? new Int32Array(buffer) : new Float32Array(buffer);
}

function dequantize(numbers: PlainNumbers, quantization: ManifestWeight['quantization']): Float32Array {
  if (!quantization && numbers instanceof Float32Array) return numbers;
  const { scale, min } = quantization ?? { scale: 1, min: 0 };
  const values = new Float32Array(numbers.length);
  for (let i = 0; i < numbers.length; i++) values[i] = numbers[i] * scale + min;
  return values;
}
