import { formatShape, type Shape, sizeOf } from './shape';

/** Values on the host, as files hold them. */
export interface NamedValues {
  shape: Shape;
  /** float64 comes from the backend `reference` and from files of it, float32 from all others. */
  values: Float32Array | Float64Array;
}

export interface Safetensors {
  tensors: Map<string, NamedValues>;
  metadata: Record<string, string>;
}

interface HeaderEntry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

const MAXIMUM_HEADER = 100_000_000;
const BYTES_OF = new Map([
  ['F64', 8],
  ['F32', 4],
  ['F16', 2],
  ['BF16', 2],
]);

/**
 * Reads a safetensors file (huggingface/safetensors, format of 2022): F32, F64, F16 and BF16, the last two
 * converted to float32.
 *
 * @param name for errors: the file
 * @throws Error in one sentence when the file is cut short or is no safetensors
 */
export function readSafetensors(bytes: Uint8Array, name = 'safetensors'): Safetensors {
  const fail = (why: string): never => {
    throw new Error(`${name}: ${why}`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8) fail('is too short to be a safetensors file');
  const headerLength = Number(view.getBigUint64(0, true));
  if (headerLength > MAXIMUM_HEADER) fail('is no safetensors file (its header would be too long)');
  const start = 8 + headerLength;
  if (start > bytes.length) fail('is cut short inside its header, or is no safetensors file');

  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, start)));
  } catch {
    fail('is no safetensors file (its header is not JSON)');
  }
  if (!isRecord(header)) return fail('is no safetensors file (its header is not an object)');

  const { __metadata__: metadata = {}, ...entries } = header;
  if (!isStrings(metadata)) return fail('has metadata that are not strings');
  const tensors = new Map<string, NamedValues>();
  const ranges: [number, number][] = [];
  for (const [key, entry] of Object.entries(entries)) {
    if (!isEntry(entry)) return fail(`tensor ${key} has a malformed header`);
    const { dtype, shape, data_offsets: offsets } = entry;
    const [from, to] = offsets;
    const size = sizeOf(shape);
    const width = BYTES_OF.get(dtype) ?? fail(`tensor ${key} has type ${dtype}; F32, F64, F16 and BF16 can be read`);
    if (to - from !== size * width) fail(`tensor ${key} ${formatShape(shape)} does not fill its ${to - from} bytes`);
    if (start + to > bytes.length) fail(`is cut short: tensor ${key} ends at byte ${start + to} of ${bytes.length}`);
    tensors.set(key, { shape, values: readNumbers(view, start + from, size, dtype) });
    ranges.push(offsets);
  }
  let end = 0;
  for (const [from, to] of ranges.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    if (from !== end) fail(`is damaged: its tensors overlap or leave a gap at byte ${start + Math.min(from, end)}`);
    end = to;
  }
  if (start + end !== bytes.length) fail(`is damaged: its tensors end at byte ${start + end} of ${bytes.length}`);
  return { tensors, metadata };
}

/**
 * Writes float32 and float64 tensors as they are, or all as float16, rounded to the nearest; names are sorted, so that the
 * same tensors always give the same bytes.
 *
 * @throws Error for `half` when a number is too large for it: 65,504 is the largest
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, NamedValues>,
  metadata: Record<string, string> = {},
  { half = false }: { half?: boolean } = {},
): Uint8Array {
  const typeOf = (values: NamedValues['values']) => (half ? 'F16' : values instanceof Float64Array ? 'F64' : 'F32');
  const names = [...tensors.keys()].sort();
  const header: [string, unknown][] = [['__metadata__', metadata]];
  let offset = 0;
  for (const name of names) {
    const { shape, values } = lookup(tensors, name);
    if (values.length !== sizeOf(shape))
      throw new Error(`safetensors: tensor ${name} ${formatShape(shape)} has ${values.length} values`);
    if (name === '__metadata__') throw new Error('safetensors: no tensor can be called __metadata__');
    const dtype = typeOf(values);
    const end = offset + values.length * (BYTES_OF.get(dtype) ?? 4);
    header.push([name, { dtype, shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  const encoded = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const headerLength = Math.ceil(encoded.length / 8) * 8; // padded with spaces, so that the numbers are aligned
  const bytes = new Uint8Array(8 + headerLength + offset).fill(0x20, 8 + encoded.length, 8 + headerLength);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(headerLength), true);
  bytes.set(encoded, 8);
  let at = 8 + headerLength;
  for (const name of names) {
    const { values } = lookup(tensors, name);
    const dtype = typeOf(values);
    const width = BYTES_OF.get(dtype) ?? 4;
    for (let i = 0; i < values.length; i++, at += width)
      if (dtype === 'F64') view.setFloat64(at, values[i], true);
      else if (dtype === 'F32') view.setFloat32(at, values[i], true);
      else {
        const bits = numberToHalf(values[i]);
        if ((bits & 0x7fff) === 0x7c00 && Number.isFinite(values[i]))
          throw new Error(`safetensors: ${values[i]} of tensor ${name} is too large for float16`);
        view.setUint16(at, bits, true);
      }
  }
  return bytes;
}

function lookup(tensors: ReadonlyMap<string, NamedValues>, name: string): NamedValues {
  const found = tensors.get(name);
  if (!found) throw new Error(`safetensors: there is no tensor ${name}`);
  return found;
}

function readNumbers(view: DataView, start: number, size: number, dtype: string): NamedValues['values'] {
  const values = dtype === 'F64' ? new Float64Array(size) : new Float32Array(size);
  const read: (i: number) => number =
    dtype === 'F32'
      ? (i) => view.getFloat32(start + 4 * i, true)
      : dtype === 'F64'
        ? (i) => view.getFloat64(start + 8 * i, true)
        : dtype === 'F16'
          ? (i) => halfToNumber(view.getUint16(start + 2 * i, true))
          : (i) => bfloatToNumber(view.getUint16(start + 2 * i, true));
  for (let i = 0; i < size; i++) values[i] = read(i);
  return values;
}

/** IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The nearest binary16, of two that are equally near the even one; infinity from 65,520 on. */
export function numberToHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size >= 65520) return sign | 0x7c00;
  // Numbers of an exponent are multiples of one step: 2^-24 below 2^-14, where the exponent bits are 0.
  let exponent = Math.max(Math.floor(Math.log2(size)), -14);
  if (2 ** exponent > size && exponent > -14) exponent--; // log2 rounds
  const steps = size / 2 ** (exponent - 10);
  const floor = Math.floor(steps);
  const rest = steps - floor;
  const rounded = rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
  // 1024 steps are the next exponent's first number, and the bits count on by themselves.
  return sign | (rounded < 1024 && exponent === -14 ? rounded : (exponent + 14) * 1024 + rounded);
}

/** bfloat16: the upper half of a float32. */
export function bfloatToNumber(bits: number): number {
  return new Float32Array(new Uint32Array([bits << 16]).buffer)[0];
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isStrings = (value: unknown): value is Record<string, string> =>
  isRecord(value) && Object.values(value).every((item) => typeof item === 'string');

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);

const isEntry = (value: unknown): value is HeaderEntry =>
  isRecord(value) &&
  typeof value.dtype === 'string' &&
  isCounts(value.shape) &&
  isCounts(value.data_offsets) &&
  value.data_offsets.length === 2 &&
  value.data_offsets[0] <= value.data_offsets[1];
