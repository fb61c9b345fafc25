import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Box } from '../face/boxes';
import { parseCalibrations } from '../face/calibrate';
import { parseRealArray } from './database';
import { type EmbedderDescription, GalleryError, requireEmbedder } from './embedders';
import { addTemplates, type Gallery, NAME_RULE, nameOf, parseBox, type Template } from './gallery';

/*
 * A gallery's people as lines of JSON: the first says what the embeddings come from, each of the others is a template.
 * The index of photos is not among them: it is made again from the photos.
 */

const FORMAT = 'likeness gallery';
const VERSION = 1;
const ROWS_AT_ONCE = 1000;

interface ExportRow {
  id: number;
  person: string;
  source: string;
  stamp: string;
  content: string;
  box: string;
  quality: number;
  embedding: string;
}

/** All templates, a line each, each line with its line break. @throws GalleryError when the gallery is empty */
export async function* exportLines(gallery: Gallery): AsyncGenerator<string> {
  const embedder = await gallery.embedder();
  if (!embedder) throw new GalleryError(`the gallery ${gallery.place} is empty; there is nothing to export`);
  const { id: embedderId, ...description } = embedder;
  yield `${JSON.stringify({ format: FORMAT, version: VERSION, embedder: description })}\n`;
  for (let last = 0; ; ) {
    const rows = await gallery.database.query<ExportRow>(
      `SELECT template.id, person.name AS person, source, stamp, content, box, quality, embedding::text
       FROM likeness.template JOIN likeness.person ON person_id = person.id
       WHERE embedder_id = $1 AND template.id > $2 ORDER BY template.id LIMIT ${ROWS_AT_ONCE}`,
      [embedderId, last],
    );
    for (const { id, box, embedding, ...row } of rows) {
      last = id;
      yield `${JSON.stringify({ ...row, box: parseBox(box), embedding: Array.from(parseRealArray(embedding)) })}\n`;
    }
    if (rows.length < ROWS_AT_ONCE) return;
  }
}

/**
 * Adds the people of an export: all of them, or nobody where a line is wrong. Templates that are there already are
 * passed over.
 *
 * @returns how many templates were added, of how many
 * @throws GalleryError that names the line, or says that the embeddings come from another model
 */
export async function importLines(gallery: Gallery, input: Readable): Promise<{ added: number; read: number }> {
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
  const { embedder: description, calibration } = parseHeader((await lines.next()).value);
  const { database, place } = gallery;
  return database.transaction(async (queries) => {
    const embedder = await requireEmbedder({ ...queries, place }, description, calibration);
    const ids = new Map<string, number>();
    const idOf = async (name: string): Promise<number> => {
      const known = ids.get(name);
      if (known !== undefined) return known;
      const [{ id }] = await queries.query<{ id: number }>(
        `INSERT INTO likeness.person (name) VALUES ($1)
         ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id`,
        [name],
      );
      ids.set(name, id);
      return id;
    };
    let batch: Template[] = [];
    let [added, read] = [0, 0];
    for (let number = 2; ; number++) {
      const { value, done } = await lines.next();
      if (!done && value.trim() !== '') {
        const { person, ...template } = parseTemplate(value, number, description.dimension);
        batch.push({ ...template, personId: await idOf(person) });
        read++;
      }
      if (batch.length >= ROWS_AT_ONCE || (done && batch.length > 0)) {
        added += await addTemplates(queries, embedder, batch);
        batch = [];
      }
      if (done) return { added, read };
    }
  });
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

function parseLine(line: string | undefined, number: number): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line ?? '');
  } catch {}
  if (!isRecord(parsed)) throw new GalleryError(`line ${number} is no JSON object; nothing was imported`);
  return parsed;
}

function parseHeader(line: string | undefined) {
  const { format, version, embedder } = parseLine(line, 1);
  if (format !== FORMAT || version !== VERSION)
    throw new GalleryError(
      `line 1 is not what likeness gallery export writes (format "${FORMAT}", version ${VERSION}); nothing was imported`,
    );
  const { name, dimension, isFlipped, aligner, calibration } = isRecord(embedder) ? embedder : {};
  const isKnown =
    typeof name === 'string' &&
    typeof dimension === 'number' &&
    Number.isInteger(dimension) &&
    typeof isFlipped === 'boolean' &&
    (aligner === 'sixty-eight' || aligner === 'five');
  if (!isKnown) throw new GalleryError('line 1 does not say what the embeddings come from; nothing was imported');
  const description: EmbedderDescription = { name, dimension, isFlipped, aligner };
  const known = parseCalibrations(
    calibration === undefined ? undefined : JSON.stringify({ flip: calibration }),
    'line 1',
  );
  return { embedder: description, calibration: known.flip };
}

function parseTemplate(
  line: string,
  number: number,
  dimension: number,
): Omit<Template, 'personId'> & { person: string } {
  const { person, source, stamp, content, box, quality, embedding } = parseLine(line, number);
  const wrong = (what: string) => new GalleryError(`line ${number} ${what}; nothing was imported`);
  const name = typeof person === 'string' ? nameOf(person) : undefined;
  if (name === undefined) throw wrong(`names no person (${NAME_RULE})`);
  if (typeof source !== 'string' || typeof stamp !== 'string' || typeof content !== 'string')
    throw wrong('does not say which photo it is of (source, stamp and content)');
  if (!isNumbers(box, 4)) throw wrong('has no box of four numbers');
  if (typeof quality !== 'number' || !(quality >= 0 && quality <= 1)) throw wrong('has no quality from 0 to 1');
  if (!isNumbers(embedding, dimension)) throw wrong(`has no embedding of ${dimension} numbers`);
  if (Math.abs(Math.hypot(...embedding) - 1) > 1e-3) throw wrong('has an embedding whose length is not 1');
  const [left, top, width, height] = box;
  const place: Box = [left, top, width, height];
  return {
    person: name,
    path: source,
    stamp,
    content,
    box: place,
    quality,
    embedding: Float32Array.from(embedding),
  };
}

const isNumbers = (value: unknown, count: number): value is number[] =>
  Array.isArray(value) && value.length === count && value.every((number) => Number.isFinite(number));
