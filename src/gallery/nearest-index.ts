import type { Database, Queries } from './database';
import { type Neighbour, Ranking } from './nearest';
import { ownerColumn, type VectorTable } from './vectors';

/*
 * pgvector's HNSW index (Malkov and Yashunin 2018): a graph in which each vector knows some near ones, searched from
 * neighbour to neighbour. It finds almost always what comparing with all would find, without looking at all.
 */

/** Neighbours that each vector is linked with, and candidates that are looked at while it is linked. */
const BUILD = { m: 16, ef_construction: 100 };
/** Candidates that a search keeps. */
const SEARCHED = 200;
/** So many vectors are asked for each owner wanted, since several may be of one. */
const VECTORS_EACH = 4;

interface IndexedEmbedder {
  id: number;
  dimension: number;
}

export const nearestIndexName = (table: VectorTable, { id }: { id: number }): string => `${table}_nearest_${id}`;

/** Whether there is such an index, whole. */
export async function hasNearestIndex(
  queries: Queries,
  table: VectorTable,
  embedder: IndexedEmbedder,
): Promise<boolean> {
  const rows = await queries.query(
    'SELECT 1 FROM pg_index WHERE indexrelid = to_regclass($1) AND indisvalid AND indisready',
    [`likeness.${nearestIndexName(table, embedder)}`],
  );
  return rows.length > 0;
}

/**
 * Builds the index, or builds it anew. On a server others go on meanwhile.
 * @throws Error in one sentence where pgvector is not to be had
 */
export async function buildNearestIndex(
  database: Database,
  table: VectorTable,
  embedder: IndexedEmbedder,
): Promise<void> {
  const name = nearestIndexName(table, embedder);
  await createVectorExtension(database);
  await database.run(`DROP INDEX IF EXISTS likeness.${name}`);
  await database.run(
    `CREATE INDEX ${database.home === 'server' ? 'CONCURRENTLY ' : ''}${name} ON likeness.${table} ` +
      `USING hnsw ((embedding::vector(${embedder.dimension})) vector_ip_ops) ` +
      `WITH (m = ${BUILD.m}, ef_construction = ${BUILD.ef_construction}) WHERE embedder_id = ${embedder.id}`,
  );
}

/** The nearest owners of each probe by the index, which must be there. */
export async function nearestByIndex(
  database: Database,
  table: VectorTable,
  embedder: IndexedEmbedder,
  probes: readonly Float32Array[],
  count: number,
  searched = SEARCHED,
): Promise<Neighbour[][]> {
  const ranking = new Ranking(probes.length, count);
  const order = `embedding::vector(${embedder.dimension}) <#> $1::vector(${embedder.dimension})`;
  const wanted = count * VECTORS_EACH;
  await database.transaction(async (queries) => {
    await queries.query("SELECT set_config('hnsw.ef_search', $1, true)", [
      String(Math.min(1000, Math.max(searched, wanted))),
    ]);
    for (const [probe, vector] of probes.entries()) {
      // pgvector's <#> is the negative of the dot product.
      const rows = await queries.query<{ id: number; owner: number; negative: number }>(
        `SELECT id, ${ownerColumn(table)} AS owner, ${order} AS negative FROM likeness.${table} ` +
          `WHERE embedder_id = ${embedder.id} ORDER BY ${order} LIMIT ${wanted}`,
        [`[${Array.from(vector).join()}]`],
      );
      for (const { id, owner, negative } of rows)
        if (-negative > ranking.least[probe]) ranking.add(probe, owner, id, -negative);
    }
  });
  return ranking.neighbours();
}

async function createVectorExtension(database: Database): Promise<void> {
  try {
    await database.query('CREATE EXTENSION IF NOT EXISTS vector');
  } catch (error) {
    throw new Error(
      `${database.place} has no pgvector, which large galleries need; install it there (Debian: ` +
        'postgresql-17-pgvector), or search exactly, without an index',
      { cause: error },
    );
  }
}
