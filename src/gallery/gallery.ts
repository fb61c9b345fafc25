import type { Box } from '../face/boxes';
import type { Calibration } from '../face/verify';
import { countTemplateChange, unerased } from './counters';
import { type Database, type Queries, realArray } from './database';
import {
  currentEmbedder,
  type EmbedderDescription,
  type GalleryEmbedder,
  GalleryError,
  requireEmbedder,
} from './embedders';
import { FolderDatabase, type FolderOptions } from './folder-database';
import { forgetPerson } from './forget';
import { migrate } from './migrations';
import { ServerDatabase } from './server-database';

/** A face as a gallery keeps it: never its picture. */
export interface FoundFace {
  /** Left, top, width, height in pixels of the upright photo. */
  box: Box;
  /** How sure the detector is, 0 to 1. */
  score: number;
  /** FaceQuality's score, 0 to 1. */
  quality: number;
  /** Of length 1. */
  embedding: Float32Array;
}

/** A file, and what tells whether it is still the same. */
export interface PhotoFile {
  path: string;
  /** Size and time of the last change. */
  stamp: string;
  /** SHA-256 of the file, in hexadecimal digits. */
  content: string;
}

/** A face of a known person. */
export interface Template extends PhotoFile, Omit<FoundFace, 'score'> {
  personId: number;
}

export interface PersonSummary {
  id: number;
  name: string;
  /** How many faces are known. */
  templates: number;
  /** The mean of their qualities, 0 to 1. */
  quality: number;
}

/**
 * Known people, each with embeddings of some faces, and an index of photos. Its home is a folder (PGlite) or a
 * PostgreSQL server; embeddings are biometric data, and are there as they are, not enciphered.
 *
 *     await using gallery = await Gallery.open('people.gallery');       // or postgres://...
 */
export class Gallery {
  readonly database: Database;

  private constructor(database: Database) {
    this.database = database;
  }

  /** @param home a folder, made if it is not there, or the address of a server: postgres://user:password@host/name */
  static async open(home: string, options: FolderOptions = {}): Promise<Gallery> {
    const database = /^postgres(ql)?:\/\//.test(home)
      ? await ServerDatabase.open(home)
      : await FolderDatabase.open(home, options);
    return Gallery.on(database);
  }

  /** Takes over a database: brings its tables to the newest form, and closes it in the end. */
  static async on(database: Database): Promise<Gallery> {
    try {
      await migrate(database);
      const gallery = new Gallery(database);
      await gallery.eraseDeleted();
      return gallery;
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  get place(): string {
    return this.database.place;
  }

  /** What the embeddings come from; nothing in an empty gallery. */
  embedder(): Promise<GalleryEmbedder | undefined> {
    return currentEmbedder(this.database);
  }

  /** @throws GalleryError when the gallery's embeddings come from another; an empty gallery takes this one over */
  requireEmbedder(wanted: EmbedderDescription, calibration: Calibration | undefined): Promise<GalleryEmbedder> {
    return requireEmbedder(this.database, wanted, calibration);
  }

  /** In the order of their names. */
  people(): Promise<PersonSummary[]> {
    return this.database.query<PersonSummary>(
      `SELECT person.id, person.name, count(template.id)::int AS templates,
              coalesce(avg(template.quality), 0)::float8 AS quality
       FROM likeness.person LEFT JOIN likeness.template ON person_id = person.id AND embedder_id =
         (SELECT id FROM likeness.embedder WHERE is_current)
       GROUP BY person.id ORDER BY person.name`,
    );
  }

  /** The person of that name, who is new where there was none. @throws GalleryError for a name that is none */
  async personNamed(name: string): Promise<number> {
    const trimmed = checkName(name);
    await this.database.query('INSERT INTO likeness.person (name) VALUES ($1) ON CONFLICT DO NOTHING', [trimmed]);
    return this.#idOf(trimmed);
  }

  /**
   * Adds faces to people, in one transaction. A photo that a person has already is passed over.
   *
   * @returns how many were added: those of people who were forgotten meanwhile are not
   */
  async addTemplates(embedder: GalleryEmbedder, templates: readonly Template[]): Promise<number> {
    return this.database.transaction((queries) => addTemplates(queries, embedder, templates));
  }

  /**
   * Erases a person: the name, the templates, the faces of the index that are as near as `threshold` to one of them,
   * and the jobs that wait. The photos where those were found are not looked at again. Whoever has a photo of hers in
   * hand cannot bring her back: templates need her row, and photos in hand while somebody is forgotten are withheld.
   *
   * @param threshold the largest distance at which a face of the index counts as hers
   * @returns how many templates and faces are gone
   * @throws GalleryError when there is nobody of that name
   */
  async forget(name: string, threshold: number): Promise<{ templates: number; faces: number }> {
    const erased = await this.database.transaction(async (queries) => {
      const personId = await personOf(queries, name);
      if (personId === undefined) throw this.#nobody(name);
      return forgetPerson(queries, personId, threshold);
    });
    await this.eraseDeleted();
    return erased;
  }

  /** Gives everything of the one person to the other. @throws GalleryError when one of the two is not there */
  async merge(from: string, into: string): Promise<void> {
    if (from === into) throw new GalleryError(`${from} is one person already`);
    await this.database.transaction(async (queries) => {
      const [lost, kept] = [await personOf(queries, from), await personOf(queries, into)];
      if (lost === undefined) throw this.#nobody(from);
      if (kept === undefined) throw this.#nobody(into);
      await queries.query(
        `DELETE FROM likeness.template AS twice USING likeness.template AS first
         WHERE twice.person_id = $1 AND first.person_id = $2 AND twice.content = first.content
           AND twice.embedder_id = first.embedder_id`,
        [lost, kept],
      );
      await queries.query('UPDATE likeness.template SET person_id = $2 WHERE person_id = $1', [lost, kept]);
      await queries.query('DELETE FROM likeness.person WHERE id = $1', [lost]);
      await countTemplateChange(queries);
    });
  }

  /** @throws GalleryError when there is nobody of that name, or somebody of the other already */
  async rename(name: string, to: string): Promise<void> {
    const trimmed = checkName(to);
    await this.database.transaction(async (queries) => {
      const id = await personOf(queries, name);
      if (id === undefined) throw this.#nobody(name);
      const taken = await queries.query('SELECT 1 FROM likeness.person WHERE name = $1', [trimmed]);
      if (taken.length > 0)
        throw new GalleryError(`there is a ${trimmed} already; to make one person of both: likeness gallery merge`);
      await queries.query('UPDATE likeness.person SET name = $2 WHERE id = $1', [id, trimmed]);
    });
  }

  /** What was deleted is taken from the disk, also where that was interrupted. */
  async eraseDeleted(): Promise<void> {
    const value = await unerased(this.database);
    if (value === 0) return;
    const tables = ['template', 'face', 'photo', 'person', 'refusal', 'claim'].map((table) => `likeness.${table}`);
    await this.database.erase(tables);
    await this.database.query("UPDATE likeness.counter SET value = value - $1 WHERE name = 'erasing'", [value]);
  }

  async close(): Promise<void> {
    await this.database.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #idOf(name: string): Promise<number> {
    const id = await personOf(this.database, name);
    if (id === undefined) throw this.#nobody(name); // forgotten at this very moment
    return id;
  }

  #nobody = (name: string) =>
    new GalleryError(`the gallery ${this.place} knows nobody named ${name}; likeness gallery list tells whom it knows`);
}

/** Adds templates of people who are still there, and counts the change. */
export async function addTemplates(
  queries: Queries,
  embedder: GalleryEmbedder,
  templates: readonly Template[],
): Promise<number> {
  // In the order of their ids, so that two who add for the same people wait for one another, and not both.
  const people = [...new Set(templates.map(({ personId }) => personId))].sort((a, b) => a - b);
  const present = await queries.query<{ id: number }>(
    'SELECT id FROM likeness.person WHERE id = ANY($1::int[]) ORDER BY id FOR KEY SHARE',
    [people],
  );
  const known = new Set(present.map(({ id }) => id));
  const kept = templates.filter(({ personId }) => known.has(personId));
  if (kept.length === 0) return 0;
  const rows = await queries.query(
    `INSERT INTO likeness.template (embedder_id, person_id, source, stamp, content, box, quality, embedding)
     SELECT $1::int, person_id, source, stamp, content, box, quality, embedding::real[]
     FROM unnest($2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::real[], $8::text[])
       AS given (person_id, source, stamp, content, box, quality, embedding)
     ON CONFLICT DO NOTHING RETURNING 1`,
    [
      embedder.id,
      kept.map(({ personId }) => personId),
      kept.map(({ path }) => path),
      kept.map(({ stamp }) => stamp),
      kept.map(({ content }) => content),
      kept.map(({ box }) => boxText(box)),
      kept.map(({ quality }) => quality),
      kept.map(({ embedding }) => realArray(embedding)),
    ],
  );
  if (rows.length > 0) await countTemplateChange(queries);
  return rows.length;
}

/** Locks the person's row where there is one, so that it stays until the transaction ends. */
async function personOf(queries: Queries, name: string): Promise<number | undefined> {
  const [row] = await queries.query<{ id: number }>('SELECT id FROM likeness.person WHERE name = $1 FOR UPDATE', [
    name.trim(),
  ]);
  return row?.id;
}

function checkName(name: string): string {
  const checked = nameOf(name);
  if (checked === undefined) throw new GalleryError(NAME_RULE);
  return checked;
}

export const NAME_RULE = 'a name has 1 to 200 characters, none of which is a line break or another control character';

/** The name as a gallery keeps it; nothing where it is none. */
export function nameOf(text: string): string | undefined {
  const trimmed = text.trim();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
  const isName = trimmed !== '' && trimmed.length <= 200 && !/[\u0000-\u001f]/.test(trimmed);
  return isName ? trimmed : undefined;
}

export const boxText = (box: Box): string => box.map((value) => Number(value.toFixed(2))).join(' ');

export function parseBox(text: string): Box {
  const [left, top, width, height] = text.split(' ').map(Number);
  return [left, top, width, height];
}
