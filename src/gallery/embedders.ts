import type { Aligner } from '../face/align';
import type { Calibration } from '../face/verify';
import type { Database, Queries } from './database';

/** What embeddings depend on: of two that differ in any of it, embeddings must not be compared. */
export interface EmbedderDescription {
  /** Of the model. */
  name: string;
  dimension: number;
  /** Whether those of a face and of its mirror image are added. */
  isFlipped: boolean;
  aligner: Aligner;
}

export interface GalleryEmbedder extends EmbedderDescription {
  id: number;
  /** What its distances mean, where that is known. */
  calibration: Calibration | undefined;
}

/** One sentence: what cannot be done with this gallery, and the way out. */
export class GalleryError extends Error {
  override name = 'GalleryError';
}

interface Row {
  id: number;
  name: string;
  dimension: number;
  is_flipped: boolean;
  aligner: Aligner;
  calibration: string | null;
}

const COLUMNS = 'id, name, dimension, is_flipped, aligner, calibration';

/** What the gallery's embeddings come from; nothing in an empty one. */
export async function currentEmbedder(queries: Queries): Promise<GalleryEmbedder | undefined> {
  const [row] = await queries.query<Row>(`SELECT ${COLUMNS} FROM likeness.embedder WHERE is_current`);
  return row && embedderOf(row);
}

/**
 * The embedder that is described, which an empty gallery takes over.
 * @throws GalleryError when the gallery's embeddings come from another
 */
export async function requireEmbedder(
  database: Queries & Pick<Database, 'place'>,
  wanted: EmbedderDescription,
  calibration: Calibration | undefined,
): Promise<GalleryEmbedder> {
  const current = (await currentEmbedder(database)) ?? (await addEmbedder(database, wanted, calibration, true));
  const reason = differenceOf(current, wanted);
  if (reason !== undefined) throw new GalleryError(`the gallery ${database.place} ${reason}`);
  return current;
}

/** Adds an embedder, or finds it; where another became the current one meanwhile, it is not. */
export async function addEmbedder(
  queries: Queries,
  { name, dimension, isFlipped, aligner }: EmbedderDescription,
  calibration: Calibration | undefined,
  isCurrent: boolean,
): Promise<GalleryEmbedder> {
  const key = [name, dimension, isFlipped, aligner];
  await queries.query(
    'INSERT INTO likeness.embedder (name, dimension, is_flipped, aligner, calibration, is_current) ' +
      'VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING',
    [...key, calibration ? JSON.stringify(calibration) : null, isCurrent],
  );
  const [row] = await queries.query<Row>(
    `SELECT ${COLUMNS} FROM likeness.embedder WHERE ${isCurrent ? 'is_current OR ' : ''}` +
      '(name = $1 AND dimension = $2 AND is_flipped = $3 AND aligner = $4) ORDER BY is_current DESC LIMIT 1',
    key,
  );
  return embedderOf(row);
}

/** Why embeddings of the one cannot be compared with those of the other; nothing when they can. */
function differenceOf(current: EmbedderDescription, wanted: EmbedderDescription): string | undefined {
  const renew = 'or make them anew with this one: likeness gallery re-embed';
  if (current.name !== wanted.name || current.dimension !== wanted.dimension)
    return (
      `holds embeddings of the model "${current.name}" (${current.dimension} numbers), not of "${wanted.name}" ` +
      `(${wanted.dimension}); take that model, ${renew}`
    );
  if (current.isFlipped !== wanted.isFlipped)
    return `was made ${current.isFlipped ? 'without' : 'with'} --no-flip; do so now, ${renew}`;
  if (current.aligner !== wanted.aligner) return `was made with --aligner ${current.aligner}; do so now, ${renew}`;
  return undefined;
}

const embedderOf = ({ id, name, dimension, is_flipped, aligner, calibration }: Row): GalleryEmbedder => ({
  id,
  name,
  dimension,
  isFlipped: is_flipped,
  aligner,
  calibration: calibration === null ? undefined : JSON.parse(calibration),
});
