import type { Database, Queries } from './database';

/**
 * The gallery's tables, in a schema of their own, step by step. A step that was published is never changed: another is added below it.
 *
 * `embedder` is what embeddings come from; those of different ones are never compared. `template` is a face of a known
 * person, `face` one of a photo of the index, whoever it is. `stamp` is a file's size and time: what tells, without
 * reading it, that it is the file that was seen. `content` is its SHA-256. `counter` counts changes, for those who keep
 * a copy in memory ('templates'), and people who were forgotten, for those who have photos in hand ('forgotten').
 * `withheld` are photos with somebody who was forgotten: they are not looked at again. `worker` and `claim` tell who has
 * which job of the queue in hand.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE likeness.embedder (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    dimension int NOT NULL,
    is_flipped boolean NOT NULL,
    aligner text NOT NULL,
    calibration text,
    is_current boolean NOT NULL,
    UNIQUE (name, dimension, is_flipped, aligner)
  );
  CREATE UNIQUE INDEX only_one_current_embedder ON likeness.embedder (is_current) WHERE is_current;

  CREATE TABLE likeness.person (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE TABLE likeness.template (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id int NOT NULL REFERENCES likeness.person ON DELETE CASCADE,
    embedder_id int NOT NULL REFERENCES likeness.embedder ON DELETE CASCADE,
    source text NOT NULL,
    stamp text NOT NULL,
    content text NOT NULL,
    box text NOT NULL,
    quality real NOT NULL,
    embedding real[] NOT NULL,
    UNIQUE (person_id, embedder_id, content)
  );
  CREATE INDEX template_of_source ON likeness.template (source);
  CREATE INDEX template_of_embedder ON likeness.template (embedder_id, id);
  CREATE TABLE likeness.refusal (
    person_id int NOT NULL REFERENCES likeness.person ON DELETE CASCADE,
    embedder_id int NOT NULL REFERENCES likeness.embedder ON DELETE CASCADE,
    source text NOT NULL,
    stamp text NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (person_id, embedder_id, source)
  );

  CREATE TABLE likeness.photo (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    embedder_id int NOT NULL REFERENCES likeness.embedder ON DELETE CASCADE,
    path text NOT NULL,
    stamp text NOT NULL,
    content text NOT NULL,
    width int NOT NULL,
    height int NOT NULL,
    problem text,
    UNIQUE (embedder_id, path)
  );
  CREATE TABLE likeness.face (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    photo_id int NOT NULL REFERENCES likeness.photo ON DELETE CASCADE,
    embedder_id int NOT NULL REFERENCES likeness.embedder ON DELETE CASCADE,
    box text NOT NULL,
    score real NOT NULL,
    quality real NOT NULL,
    embedding real[] NOT NULL,
    group_number int
  );
  CREATE INDEX face_of_photo ON likeness.face (photo_id);
  CREATE INDEX face_of_embedder ON likeness.face (embedder_id, id);
  CREATE TABLE likeness.withheld (content text PRIMARY KEY);

  CREATE TABLE likeness.counter (name text PRIMARY KEY, value int NOT NULL);
  INSERT INTO likeness.counter VALUES ('templates', 0), ('forgotten', 0), ('erasing', 0);

  CREATE TABLE likeness.worker (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    host text NOT NULL,
    process int NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE TABLE likeness.claim (
    job_id uuid PRIMARY KEY,
    worker_id int NOT NULL REFERENCES likeness.worker ON DELETE CASCADE
  );
  `,
];

export const NEWEST_SCHEMA = MIGRATIONS.length;
/** A number of ours for PostgreSQL's advisory locks: one process at a time migrates. */
const MIGRATION_LOCK = 4_714_001;

/**
 * Brings the tables to the newest form, all of it or nothing, whoever else is at it.
 *
 * @throws Error in one sentence when a newer likeness has been there
 */
export async function migrate(database: Database, migrations = MIGRATIONS): Promise<void> {
  if ((await versionOf(database)) === migrations.length) return;
  await database.transaction(async (queries) => {
    await queries.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    await queries.query('CREATE SCHEMA IF NOT EXISTS likeness');
    await queries.query('CREATE TABLE IF NOT EXISTS likeness.version (version int PRIMARY KEY)');
    const version = await versionOf(queries);
    if (version > migrations.length)
      throw new Error(
        `the gallery ${database.place} was made by a newer likeness (its tables are of version ${version}, this ` +
          `likeness knows ${migrations.length}); update likeness`,
      );
    for (const script of migrations.slice(version))
      for (const statement of statementsOf(script)) await queries.query(statement);
    await queries.query('DELETE FROM likeness.version');
    await queries.query('INSERT INTO likeness.version VALUES ($1)', [migrations.length]);
  });
}

/** 0 where there are no tables. */
async function versionOf(queries: Queries): Promise<number> {
  const [{ exists }] = await queries.query<{ exists: boolean }>(
    "SELECT to_regclass('likeness.version') IS NOT NULL AS exists",
  );
  if (!exists) return 0;
  const [row] = await queries.query<{ version: number }>('SELECT version FROM likeness.version');
  return row?.version ?? 0;
}

/** None of ours holds a semicolon inside. */
const statementsOf = (script: string): string[] =>
  script
    .split(';')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
