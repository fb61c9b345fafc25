import { countTemplateChange } from './counters';
import type { Queries } from './database';
import { currentEmbedder } from './embedders';
import { distanceOfCosine } from './nearest';
import { QUEUE_SCHEMA } from './photo-queue';
import { readTable } from './vectors';

/**
 * Deletes a person and all that follows from the person's face, inside a transaction. It begins by counting: that waits
 * for photos that are being stored, and those that are stored later find that somebody was forgotten.
 */
export async function forgetPerson(
  queries: Queries,
  personId: number,
  threshold: number,
): Promise<{ templates: number; faces: number }> {
  await queries.query("UPDATE likeness.counter SET value = value + 1 WHERE name IN ('forgotten', 'erasing')");
  const faces = await facesOf(queries, personId, threshold);
  await queries.query(
    `INSERT INTO likeness.withheld SELECT DISTINCT content FROM likeness.photo JOIN likeness.face ON photo_id = photo.id
     WHERE face.id = ANY($1::int[]) ON CONFLICT DO NOTHING`,
    [faces],
  );
  await queries.query(
    `WITH erased AS (DELETE FROM likeness.face WHERE id = ANY($1::int[]) RETURNING photo_id)
     DELETE FROM likeness.photo WHERE id IN (SELECT photo_id FROM erased)
       AND NOT EXISTS (SELECT 1 FROM likeness.face WHERE photo_id = photo.id AND NOT face.id = ANY($1::int[]))`,
    [faces],
  );
  // What is being made anew by another embedder: such photos are made once more, without her.
  await queries.query(
    `DELETE FROM likeness.photo USING likeness.embedder
     WHERE embedder_id = embedder.id AND NOT is_current AND content IN (SELECT content FROM likeness.withheld)`,
  );
  const templates = await queries.query('DELETE FROM likeness.template WHERE person_id = $1 RETURNING 1', [personId]);
  await queries.query('DELETE FROM likeness.person WHERE id = $1', [personId]);
  await deleteJobs(queries, personId);
  await countTemplateChange(queries);
  return { templates: templates.length, faces: faces.length };
}

/** The faces of the index that are as near as `threshold` to one of the person's templates. */
async function facesOf(queries: Queries, personId: number, threshold: number): Promise<number[]> {
  const embedder = await currentEmbedder(queries);
  if (!embedder) return [];
  const { dimension } = embedder;
  const own: Float32Array[] = [];
  for await (const { owners, vectors } of readTable(queries, 'template', embedder, personId))
    for (let row = 0; row < owners.length; row++) own.push(vectors.slice(row * dimension, (row + 1) * dimension));
  const found: number[] = [];
  for await (const { ids, vectors } of readTable(queries, 'face', embedder))
    for (let row = 0; row < ids.length; row++) {
      const isHers = own.some((template) => {
        let cosine = 0;
        for (let k = 0, at = row * dimension; k < dimension; k++, at++) cosine += template[k] * vectors[at];
        return distanceOfCosine(cosine) <= threshold;
      });
      if (isHers) found.push(ids[row]);
    }
  return found;
}

async function deleteJobs(queries: Queries, personId: number): Promise<void> {
  const [{ exists }] = await queries.query<{ exists: boolean }>(
    `SELECT to_regclass('${QUEUE_SCHEMA}.job') IS NOT NULL AS exists`,
  );
  if (exists) await queries.query(`DELETE FROM ${QUEUE_SCHEMA}.job WHERE data->>'personId' = $1`, [String(personId)]);
}
