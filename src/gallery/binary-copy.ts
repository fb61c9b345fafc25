/*
 * PostgreSQL's binary COPY (manual, COPY, "Binary Format"): a header of 19 bytes, of each row the number of its fields,
 * of each field its length and its bytes, -1 in the end. A `real[]` is five 32-bit numbers (dimensions, nulls, type,
 * length, first index) and for each element its length and an IEEE number. All is big-endian.
 */

const HEADER = 19;
const ARRAY_HEADER = 20;

/**
 * Reads rows of some `int` fields and a `real[]`, the vector, as they come.
 *
 * @param pieces the bytes, cut anywhere
 * @param integers how many `int` fields stand before the vector
 * @param onRow is handed the integers and says where to write the vector
 * @throws Error when the stream ends early or a vector has another length
 */
export async function readVectors(
  pieces: AsyncIterable<Uint8Array>,
  integers: number,
  dimension: number,
  onRow: (integers: readonly number[]) => Float32Array,
): Promise<void> {
  const size = 2 + integers * 8 + 4 + ARRAY_HEADER + dimension * 8;
  let rest = new Uint8Array(0);
  let isAfterHeader = false;
  let isEnded = false;
  const row: number[] = new Array(integers).fill(0);
  for await (const piece of pieces) {
    const bytes = rest.length === 0 ? piece : joined(rest, piece);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    if (!isAfterHeader) {
      if (bytes.length < HEADER) {
        rest = bytes.slice();
        continue;
      }
      at = HEADER;
      isAfterHeader = true;
    }
    while (at + 2 <= bytes.length) {
      if (view.getInt16(at) === -1) {
        isEnded = true;
        break;
      }
      if (at + size > bytes.length) break;
      for (let k = 0; k < integers; k++) row[k] = view.getInt32(at + 6 + 8 * k);
      const vector = at + 2 + integers * 8 + 4;
      const length = view.getInt32(vector + 12);
      if (length !== dimension) throw new Error(`a vector has ${length} numbers, ${dimension} are expected`);
      const target = onRow(row);
      for (let k = 0, from = vector + ARRAY_HEADER + 4; k < dimension; k++, from += 8)
        target[k] = view.getFloat32(from);
      at += size;
    }
    rest = bytes.slice(at);
  }
  if (!isEnded) throw new Error('the database sent less than it said');
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
