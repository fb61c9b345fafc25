import { intersectionOverUnion } from '../face/boxes';
import type { Calibration } from '../face/verify';
import { forgottenSoFar } from './counters';
import type { Queries } from './database';
import {
  addEmbedder,
  currentEmbedder,
  type EmbedderDescription,
  type GalleryEmbedder,
  GalleryError,
} from './embedders';
import { addTemplates, type FoundFace, type Gallery, type PhotoFile, parseBox } from './gallery';
import { nearestIndexName } from './nearest-index';
import { readPhotoFile } from './photo-files';
import { isWithheld, type LookedAt, storePhoto } from './photo-index';
import { isThere, type LookAtPhotos } from './photo-work';
import { VECTOR_TABLES } from './vectors';

export interface ReEmbedOptions {
  signal?: AbortSignal;
  /** Leave out what cannot be made anew, in place of refusing to change over. Default false. */
  isLossAccepted?: boolean;
  onStart?: (photos: number) => Promise<void>;
  onPhoto?: () => void;
}

export interface ReEmbedResult {
  templates: number;
  faces: number;
  /** Photos that are gone or do not show the face any more, and the sentence that says so. */
  lost: { path: string; reason: string }[];
}

interface OldTemplate {
  id: number;
  person_id: number;
  source: string;
  box: string;
}

/** A face found anew is the one that was known when their boxes overlap by so much (intersection over union). */
const LEAST_OVERLAP = 0.3;

/**
 * Makes all embeddings anew, from the photos, by another embedder, and changes over to it at once in the end. Until then
 * the gallery stays as it is. Whoever is interrupted goes on with the same call: what was made is kept beside the old.
 *
 * @throws GalleryError when photos are gone, unless that is accepted; what was made anew is kept
 */
export async function reEmbed(
  gallery: Gallery,
  wanted: EmbedderDescription,
  calibration: Calibration | undefined,
  look: LookAtPhotos,
  options: ReEmbedOptions = {},
): Promise<ReEmbedResult> {
  const { database } = gallery;
  const before = await currentEmbedder(database);
  if (!before) throw new GalleryError(`the gallery ${gallery.place} is empty; there is nothing to make anew`);
  const after = await addEmbedder(database, wanted, calibration, false);
  if (after.id === before.id)
    throw new GalleryError(`the gallery ${gallery.place} has embeddings of this model already`);
  const lost: ReEmbedResult['lost'] = [];
  let paths = await pathsToDo(database, before, after);
  await options.onStart?.(paths.length);
  for (let count = paths.length; ; count += paths.length) {
    lost.push(...(await makeAnew(gallery, before, after, paths, look, options)));
    if (lost.length > 0 && !options.isLossAccepted)
      throw new GalleryError(
        `${lost.length} of ${count} photos cannot be made anew, the first because ${lost[0].reason}; the gallery ` +
          'stays as it was. Put them back, or leave them out: --leave-out-lost',
      );
    const outcome = await changeOver(gallery, before, after, new Set(lost.map(({ path }) => path)));
    if ('sizes' in outcome) {
      await gallery.eraseDeleted();
      return { ...outcome.sizes, lost };
    }
    paths = outcome.missing;
  }
}

/** @returns photos that are gone, or do not show a face any more that was known, and why */
async function makeAnew(
  { database }: Gallery,
  before: GalleryEmbedder,
  after: GalleryEmbedder,
  paths: readonly string[],
  look: LookAtPhotos,
  { signal, onPhoto }: ReEmbedOptions,
): Promise<ReEmbedResult['lost']> {
  const lost: ReEmbedResult['lost'] = [];
  const shown: { photo: PhotoFile; forgotten: number }[] = [];
  async function* files(): AsyncGenerator<File> {
    for (const path of paths) {
      signal?.throwIfAborted();
      try {
        const forgotten = await forgottenSoFar(database);
        const { file, ...photo } = await readPhotoFile(path);
        shown.push({ photo, forgotten });
        yield file;
      } catch (error) {
        lost.push({ path, reason: error instanceof Error ? error.message : String(error) });
      }
    }
  }
  for await (const seen of look(files())) {
    const next = shown.shift();
    if (!next) break;
    const { photo, forgotten } = next;
    const reasons = await database.transaction((queries) => storeAnew(queries, before, after, photo, seen, forgotten));
    lost.push(...reasons.map((reason) => ({ path: photo.path, reason })));
    onPhoto?.();
  }
  return lost;
}

/** Photos with a template or of the index, of which nothing was made anew. */
async function pathsToDo(queries: Queries, before: GalleryEmbedder, after: GalleryEmbedder): Promise<string[]> {
  const rows = await queries.query<{ path: string }>(
    `SELECT DISTINCT path FROM (
       SELECT source AS path FROM likeness.template AS old WHERE embedder_id = $1 AND NOT EXISTS (
         SELECT 1 FROM likeness.template AS new
         WHERE new.embedder_id = $2 AND new.person_id = old.person_id AND new.source = old.source)
       UNION ALL
       SELECT path FROM likeness.photo AS old WHERE embedder_id = $1 AND NOT EXISTS (
         SELECT 1 FROM likeness.photo AS new WHERE new.embedder_id = $2 AND new.path = old.path)
     ) AS paths ORDER BY path`,
    [before.id, after.id],
  );
  return rows.map(({ path }) => path);
}

/** @returns why a template could not be made anew */
async function storeAnew(
  queries: Queries,
  before: GalleryEmbedder,
  after: GalleryEmbedder,
  photo: PhotoFile,
  seen: LookedAt,
  forgotten: number,
): Promise<string[]> {
  const reasons: string[] = [];
  const templates = await queries.query<OldTemplate>(
    'SELECT id, person_id, source, box FROM likeness.template WHERE embedder_id = $1 AND source = $2',
    [before.id, photo.path],
  );
  for (const { person_id: personId, box } of templates) {
    const face = sameFace(box, seen.faces ?? []);
    if (!face) reasons.push(seen.error?.message ?? `${photo.path} does not show the face any more that was known`);
    else if (
      (await addTemplates(queries, after, [{ ...photo, ...face, personId }])) === 0 &&
      (await isThere(queries, personId))
    )
      reasons.push(`${photo.path} has become a copy of another photo of the same person`);
  }
  const indexed = await queries.query('SELECT 1 FROM likeness.photo WHERE embedder_id = $1 AND path = $2', [
    before.id,
    photo.path,
  ]);
  if (indexed.length > 0) {
    const faces = await facesToKeep(queries, before, photo, seen.faces ?? []);
    await storePhoto(queries, after, photo, { ...seen, faces }, forgotten);
  }
  return reasons;
}

/** Of a photo with somebody who was forgotten only the faces that are known: the others may be hers. */
async function facesToKeep(
  queries: Queries,
  before: GalleryEmbedder,
  { path, content }: PhotoFile,
  faces: FoundFace[],
): Promise<FoundFace[]> {
  if (!(await isWithheld(queries, content))) return faces;
  const known = await queries.query<{ box: string }>(
    `SELECT box FROM likeness.face JOIN likeness.photo ON photo_id = photo.id
     WHERE face.embedder_id = $1 AND path = $2`,
    [before.id, path],
  );
  const boxes = known.map(({ box }) => parseBox(box));
  return faces.filter((face) => boxes.some((box) => intersectionOverUnion(box, face.box) >= LEAST_OVERLAP));
}

function sameFace(box: string, faces: readonly FoundFace[]): FoundFace | undefined {
  const known = parseBox(box);
  const overlaps = faces.map((face) => ({ face, overlap: intersectionOverUnion(known, face.box) }));
  const [best] = overlaps.sort((a, b) => b.overlap - a.overlap);
  return best && best.overlap >= LEAST_OVERLAP ? best.face : undefined;
}

/**
 * In one transaction: the new embeddings count from now on, and the old ones are gone. Nothing changes while photos are
 * missing: those that others added meanwhile, and those that were in hand while somebody was forgotten.
 */
async function changeOver(
  { database }: Gallery,
  before: GalleryEmbedder,
  after: GalleryEmbedder,
  lost: ReadonlySet<string>,
): Promise<{ missing: string[] } | { sizes: { templates: number; faces: number } }> {
  return database.transaction(async (queries) => {
    // Whoever stores a face has a lock on its embedder's row: this waits for them, and they wait for this.
    await queries.query('SELECT 1 FROM likeness.embedder WHERE id = $1 FOR UPDATE', [before.id]);
    const missing = (await pathsToDo(queries, before, after)).filter((path) => !lost.has(path));
    if (missing.length > 0) return { missing };
    for (const table of VECTOR_TABLES)
      await queries.query(`DROP INDEX IF EXISTS likeness.${nearestIndexName(table, before)}`);
    await queries.query('DELETE FROM likeness.embedder WHERE id = $1', [before.id]);
    await queries.query('UPDATE likeness.embedder SET is_current = true WHERE id = $1', [after.id]);
    await queries.query("UPDATE likeness.counter SET value = value + 1 WHERE name IN ('templates', 'erasing')");
    const [sizes] = await queries.query<{ templates: number; faces: number }>(
      `SELECT (SELECT count(*)::int FROM likeness.template WHERE embedder_id = $1) AS templates,
              (SELECT count(*)::int FROM likeness.face WHERE embedder_id = $1) AS faces`,
      [after.id],
    );
    return { sizes };
  });
}
