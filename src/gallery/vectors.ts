import { readVectors } from './binary-copy';
import type { Queries } from './database';

/** Of whom a template is, or on which photo a face. */
const OWNER = { template: 'person_id', face: 'photo_id' } as const;

export type VectorTable = keyof typeof OWNER;
export const VECTOR_TABLES: readonly VectorTable[] = ['template', 'face'];

export const ownerColumn = (table: VectorTable): string => OWNER[table];

/** At once: as much as PGlite may copy to memory. */
const ROWS_AT_ONCE = 50_000;

export interface VectorRows {
  ids: Int32Array;
  /** Of a template the person, of a face the photo. */
  owners: Int32Array;
  /** One after the other, each of as many numbers as the embedder makes. */
  vectors: Float32Array;
}

/**
 * All templates or faces of an embedder, in the order of their ids, some thousands at a time.
 * @param owner only those of this person, or of this photo
 */
export async function* readTable(
  queries: Queries,
  table: VectorTable,
  embedder: { id: number; dimension: number },
  owner?: number,
): AsyncGenerator<VectorRows> {
  const { id: embedderId, dimension } = embedder;
  for (let last = 0; ; ) {
    const ids = new Int32Array(ROWS_AT_ONCE);
    const owners = new Int32Array(ROWS_AT_ONCE);
    let vectors = new Float32Array(1024 * dimension);
    let count = 0;
    const rows =
      `SELECT id, ${OWNER[table]}, embedding FROM likeness.${table} ` +
      `WHERE embedder_id = ${embedderId} AND id > ${last} ${owner === undefined ? '' : `AND ${OWNER[table]} = ${owner} `}ORDER BY id LIMIT ${ROWS_AT_ONCE}`;
    await readVectors(queries.copy(rows), 2, dimension, ([id, ownerOfRow]) => {
      const from = count * dimension;
      if (from === vectors.length) {
        const larger = new Float32Array(2 * vectors.length);
        larger.set(vectors);
        vectors = larger;
      }
      ids[count] = id;
      owners[count++] = ownerOfRow;
      return vectors.subarray(from, from + dimension);
    });
    if (count === 0) return;
    yield {
      ids: ids.subarray(0, count),
      owners: owners.subarray(0, count),
      vectors: vectors.subarray(0, count * dimension),
    };
    last = ids[count - 1];
    if (count < ROWS_AT_ONCE) return;
  }
}
