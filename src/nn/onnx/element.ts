import { bfloatToNumber, halfToNumber } from '../../tensor/safetensors';
import type { Shape } from '../../tensor/shape';
import { EXTERNAL } from './external';
import { DATA_TYPE, type OnnxTensor } from './proto';
import { type HostValue, host } from './value';

/** What ONNX calls its element types. Whatever it is in the file, numbers are float32 on a backend. */
const ELEMENT_TYPES = {
  float32: { code: DATA_TYPE.float, bytes: 4 },
  uint8: { code: DATA_TYPE.uint8, bytes: 1 },
  int8: { code: DATA_TYPE.int8, bytes: 1 },
  uint16: { code: DATA_TYPE.uint16, bytes: 2 },
  int16: { code: DATA_TYPE.int16, bytes: 2 },
  int32: { code: DATA_TYPE.int32, bytes: 4 },
  int64: { code: DATA_TYPE.int64, bytes: 8 },
  bool: { code: DATA_TYPE.bool, bytes: 1 },
  float16: { code: DATA_TYPE.float16, bytes: 2 },
  float64: { code: DATA_TYPE.double, bytes: 8 },
  uint32: { code: DATA_TYPE.uint32, bytes: 4 },
  uint64: { code: DATA_TYPE.uint64, bytes: 8 },
  bfloat16: { code: DATA_TYPE.bfloat16, bytes: 2 },
} as const;

export type ElementType = keyof typeof ELEMENT_TYPES;

const NAMES = Object.keys(ELEMENT_TYPES).filter((name): name is ElementType => name in ELEMENT_TYPES);

export const isFloat = (type: ElementType): boolean => type.includes('float');

/** @throws Error for strings, complex numbers and what is newer than opset 21's common types */
export function elementType(code: number): ElementType {
  const name = NAMES.find((known) => ELEMENT_TYPES[known].code === code);
  if (!name) throw new Error(`numbers of type ${code} are not understood`);
  return name;
}

/** The one number at `at` of little-endian bytes. */
const readers: { [T in ElementType]: (bytes: DataView, at: number) => number } = {
  float32: (bytes, at) => bytes.getFloat32(at, true),
  float64: (bytes, at) => bytes.getFloat64(at, true),
  float16: (bytes, at) => halfToNumber(bytes.getUint16(at, true)),
  bfloat16: (bytes, at) => bfloatToNumber(bytes.getUint16(at, true)),
  uint8: (bytes, at) => bytes.getUint8(at),
  int8: (bytes, at) => bytes.getInt8(at),
  bool: (bytes, at) => Math.min(1, bytes.getUint8(at)),
  uint16: (bytes, at) => bytes.getUint16(at, true),
  int16: (bytes, at) => bytes.getInt16(at, true),
  int32: (bytes, at) => bytes.getInt32(at, true),
  uint32: (bytes, at) => bytes.getUint32(at, true),
  int64: (bytes, at) => Number(bytes.getBigInt64(at, true)),
  uint64: (bytes, at) => Number(bytes.getBigUint64(at, true)),
};

/** The numbers of `length` elements in a run of bytes. */
function fromBytes(type: ElementType, bytes: Uint8Array, length: number): Float32Array | Float64Array {
  const size = ELEMENT_TYPES[type].bytes;
  if (bytes.length !== length * size)
    throw new Error(`has ${bytes.length} bytes for ${length} numbers of ${size} bytes each`);
  // A copy (which Buffer.slice() does not make) begins where a Float32Array may begin. The machines that this runs on are little-endian.
  if (type === 'float32') return new Float32Array(new Uint8Array(bytes).buffer);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const read = readers[type];
  const values = new Float64Array(length);
  for (let k = 0; k < length; k++) values[k] = read(view, k * size);
  return values;
}

/** The numbers that stand in a field of their own instead of in bytes. */
function fromFields(type: ElementType, tensor: OnnxTensor): ArrayLike<number> {
  switch (type) {
    case 'float32':
      return tensor.floatData;
    case 'float64':
      return tensor.doubleData;
    case 'int64':
      return tensor.int64Data.map(Number);
    case 'uint32':
    case 'uint64':
      return tensor.uint64Data.map(Number);
    case 'float16':
      return tensor.int32Data.map(halfToNumber);
    case 'bfloat16':
      return tensor.int32Data.map(bfloatToNumber);
    default:
      return tensor.int32Data;
  }
}

/** @throws Error when a side is negative or absurd */
export function shapeOf(dims: readonly bigint[]): Shape {
  const shape = dims.map(Number);
  for (const side of shape)
    if (!Number.isSafeInteger(side) || side < 0) throw new Error(`has a side of ${side}, which is no size`);
  const size = shape.reduce((product, side) => product * side, 1);
  if (!Number.isSafeInteger(size)) throw new Error(`has the shape [${shape}], which is more than any memory holds`);
  return shape;
}

/** The tensor's numbers. @param external the bytes of one that is kept outside of the file */
export function readTensor(tensor: OnnxTensor, external?: Uint8Array): HostValue {
  try {
    if (tensor.segment) throw new Error('comes in segments, which are not understood');
    if (tensor.dataLocation === EXTERNAL && !external) throw new Error('is kept outside of the file, and must not be');
    const type = elementType(tensor.dataType);
    const shape = shapeOf(tensor.dims);
    const length = shape.reduce((product, side) => product * side, 1);
    const bytes = external ?? (tensor.rawData.length > 0 ? tensor.rawData : undefined);
    if (bytes) return host(type, shape, fromBytes(type, bytes, length));
    const values = fromFields(type, tensor);
    if (values.length !== length) throw new Error(`has ${values.length} numbers for the shape [${shape}]`);
    return host(type, shape, values);
  } catch (error) {
    throw new Error(`tensor ${tensor.name || 'without a name'} ${error instanceof Error ? error.message : error}`);
  }
}
