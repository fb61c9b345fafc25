import type { Queries } from '../../src/gallery/database';

/* A table of vectors that is in no database: what PostgreSQL's binary COPY of it would be. See src/gallery/binary-copy.ts. */

const ROWS_IN_A_PIECE = 500;

/** Answers the queries of readTable(): id and owner of each vector, ids from 1 on. */
export function madeUpTable(
  count: number,
  owner: (id: number) => number,
  vector: (id: number) => Float32Array,
): Queries {
  return {
    query: () => Promise.reject(new Error('there is no database')),
    async *copy(query: string) {
      const last = Number(query.match(/id > (\d+)/)?.[1]);
      const limit = Number(query.match(/LIMIT (\d+)/)?.[1]);
      yield new Uint8Array(19);
      const end = Math.min(count, last + limit);
      for (let from = last + 1; from <= end; from += ROWS_IN_A_PIECE) {
        const ids = Array.from({ length: Math.min(ROWS_IN_A_PIECE, end - from + 1) }, (_, k) => from + k);
        yield Buffer.concat(ids.map((id) => rowOf(id, owner(id), vector(id))));
      }
      yield Uint8Array.of(255, 255);
    },
  };
}

function rowOf(id: number, owner: number, vector: Float32Array): Uint8Array {
  const bytes = new Uint8Array(42 + 8 * vector.length);
  const view = new DataView(bytes.buffer);
  view.setInt16(0, 3);
  for (const [k, value] of [id, owner].entries()) {
    view.setInt32(2 + 8 * k, 4);
    view.setInt32(6 + 8 * k, value);
  }
  view.setInt32(18, 20 + 8 * vector.length);
  view.setInt32(34, vector.length);
  for (const [k, value] of vector.entries()) {
    view.setInt32(42 + 8 * k, 4);
    view.setFloat32(46 + 8 * k, value);
  }
  return bytes;
}
