import { forgottenSoFarLocked } from './counters';
import { parseRealArray, type Queries, realArray } from './database';
import type { GalleryEmbedder } from './embedders';
import { boxText, type FoundFace, type PhotoFile, parseBox } from './gallery';

/** What was seen on a photo: its faces, or why there is nothing to see. */
export interface LookedAt {
  width?: number;
  height?: number;
  faces?: FoundFace[];
  error?: Error;
}

export interface IndexedFace extends Omit<FoundFace, 'embedding'> {
  id: number;
  path: string;
  group: number | null;
}

/**
 * Stores a photo of the index with its faces, in place of what was known of it. To be called in a transaction.
 *
 * @param forgotten how many people had been forgotten when the photo was taken in hand
 * @returns whether it was stored; a photo that was in hand while somebody was forgotten is not, and is withheld
 */
export async function storePhoto(
  queries: Queries,
  embedder: GalleryEmbedder,
  { path, stamp, content }: PhotoFile,
  { width = 0, height = 0, faces = [], error }: LookedAt,
  forgotten: number,
): Promise<boolean> {
  if ((await forgottenSoFarLocked(queries)) !== forgotten && faces.length > 0) {
    await queries.query('INSERT INTO likeness.withheld VALUES ($1) ON CONFLICT DO NOTHING', [content]);
    return false;
  }
  // In few statements: they are what indexing costs beside the networks.
  const [{ id, is_new: isNew, first }] = await queries.query<{ id: number; is_new: boolean; first: number | null }>(
    `WITH stored AS (
       INSERT INTO likeness.photo (embedder_id, path, stamp, content, width, height, problem)
       VALUES ($1, $2, $3, $4, $5, $6, $7)
       ON CONFLICT (embedder_id, path) DO UPDATE SET stamp = excluded.stamp, content = excluded.content,
         width = excluded.width, height = excluded.height, problem = excluded.problem
       RETURNING id, xmax = 0 AS is_new
     ), faces AS (
       INSERT INTO likeness.face (photo_id, embedder_id, box, score, quality, embedding)
       SELECT stored.id, $1, box, score, quality, embedding::real[]
       FROM stored, unnest($8::text[], $9::real[], $10::real[], $11::text[]) AS given (box, score, quality, embedding)
       RETURNING face.id
     )
     SELECT id, is_new, (SELECT min(id) FROM faces) AS first FROM stored`,
    [
      embedder.id,
      path,
      stamp,
      content,
      width,
      height,
      error?.message ?? null,
      faces.map(({ box }) => boxText(box)),
      faces.map(({ score }) => score),
      faces.map(({ quality }) => quality),
      faces.map(({ embedding }) => realArray(embedding)),
    ],
  );
  if (!isNew)
    await queries.query('DELETE FROM likeness.face WHERE photo_id = $1 AND id < coalesce($2, 2147483647)', [id, first]);
  return true;
}

export async function isWithheld(queries: Queries, content: string): Promise<boolean> {
  return (await queries.query('SELECT 1 FROM likeness.withheld WHERE content = $1', [content])).length > 0;
}

/** How many photos and faces the index holds. */
export async function indexSize(queries: Queries, embedderId: number): Promise<{ photos: number; faces: number }> {
  const [sizes] = await queries.query<{ photos: number; faces: number }>(
    `SELECT (SELECT count(*)::int FROM likeness.photo WHERE embedder_id = $1) AS photos,
            (SELECT count(*)::int FROM likeness.face WHERE embedder_id = $1) AS faces`,
    [embedderId],
  );
  return sizes;
}

interface FaceRow {
  id: number;
  path: string;
  box: string;
  score: number;
  quality: number;
  group_number: number | null;
}

const FACE_COLUMNS = 'face.id, path, box, score, quality, group_number';

const indexedFace = ({ box, group_number, ...row }: FaceRow): IndexedFace => ({
  ...row,
  box: parseBox(box),
  group: group_number,
});

/** Faces of the index by their ids. */
export async function facesById(queries: Queries, ids: readonly number[]): Promise<Map<number, IndexedFace>> {
  const rows = await queries.query<FaceRow>(
    `SELECT ${FACE_COLUMNS} FROM likeness.face JOIN likeness.photo ON photo_id = photo.id
     WHERE face.id = ANY($1::int[])`,
    [ids],
  );
  return new Map(rows.map((row) => [row.id, indexedFace(row)]));
}

export interface GroupableFace extends IndexedFace {
  embedding: Float32Array;
}

/** The faces of all photos under a folder (its path ends in a separator), in the order of paths and places. */
export async function facesUnder(
  queries: Queries,
  embedder: GalleryEmbedder,
  folder: string,
): Promise<GroupableFace[]> {
  const rows = await queries.query<FaceRow & { embedding: string }>(
    `SELECT ${FACE_COLUMNS}, embedding::text FROM likeness.face JOIN likeness.photo ON photo_id = photo.id
     WHERE face.embedder_id = $1 AND starts_with(path, $2) ORDER BY path, face.id`,
    [embedder.id, folder],
  );
  return rows.map(({ embedding, ...row }) => ({ ...indexedFace(row), embedding: parseRealArray(embedding) }));
}

/** Remembers which group each face is of, in place of all groups before. To be called in a transaction. */
export async function storeGroups(
  queries: Queries,
  embedder: GalleryEmbedder,
  groups: ReadonlyMap<number, number>,
): Promise<void> {
  await queries.query(
    'UPDATE likeness.face SET group_number = NULL WHERE embedder_id = $1 AND group_number IS NOT NULL',
    [embedder.id],
  );
  await queries.query(
    `UPDATE likeness.face SET group_number = given.number
     FROM unnest($1::int[], $2::int[]) AS given (id, number) WHERE face.id = given.id`,
    [[...groups.keys()], [...groups.values()]],
  );
}
