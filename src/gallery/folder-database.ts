import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PGlite, Transaction } from '@electric-sql/pglite';
import type { Database, Queries, Value } from './database';
import { type FolderLock, lockFolder } from './folder-lock';

/** The database itself, in the gallery's folder. */
const DATABASE = 'database';
/** A database that is being made; one that was left behind is thrown away. */
const UNFINISHED = 'unfinished-';
/** Old parts of the log are deleted, not kept for use again: what was erased is not to be found in them. */
const SETTINGS = ['wal_recycle=off', 'min_wal_size=32MB', 'max_wal_size=256MB', 'maintenance_work_mem=1GB'];

export interface FolderOptions {
  /** How long to wait for another process that has the folder open, in milliseconds. Default 10 seconds. */
  patience?: number;
  onWaiting?: (holder: string) => void;
  /** Make a gallery where there is none. Default true. */
  isMade?: boolean;
}

/**
 * PGlite: PostgreSQL as WebAssembly, its files in a folder that only this user may read. One process at a time has it
 * open. A process that is killed loses nothing that it was told is done: what PostgreSQL has logged is in files by then.
 */
export class FolderDatabase implements Database {
  readonly home = 'folder';
  readonly place: string;
  readonly #lock: FolderLock;
  readonly #pglite: PGlite;

  private constructor(folder: string, lock: FolderLock, pglite: PGlite) {
    this.place = folder;
    this.#lock = lock;
    this.#pglite = pglite;
  }

  /** @throws FolderInUse, or Error in one sentence when PGlite is not installed or the folder is no gallery */
  static async open(
    folder: string,
    { patience = 10_000, onWaiting, isMade = true }: FolderOptions = {},
  ): Promise<FolderDatabase> {
    if (!isMade && !(await exists(join(folder, DATABASE))))
      throw new Error(`there is no gallery at ${folder}; likeness enroll and likeness index make one`);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const lock = await lockFolder(folder, patience, onWaiting);
    try {
      return new FolderDatabase(folder, lock, await openIn(folder));
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  query<Row extends object>(statement: string, values: readonly Value[] = []): Promise<Row[]> {
    return rowsOf<Row>(this.#pglite, statement, values);
  }

  async run(script: string): Promise<void> {
    // The script may begin a transaction itself, which then is this one: if it fails, that ends before anything else runs.
    await this.#pglite.transaction((transaction) => transaction.exec(script));
  }

  transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T> {
    return this.#pglite.transaction((transaction) =>
      work({
        query: (statement, values = []) => rowsOf(transaction, statement, values),
        copy: (query) => copyOf(transaction, query),
      }),
    );
  }

  copy(query: string): AsyncIterable<Uint8Array> {
    return copyOf(this.#pglite, query);
  }

  /** The tables are written anew without what was deleted, and so is the log: no file holds it any longer. */
  async erase(tables: readonly string[]): Promise<void> {
    for (const table of tables) await this.#pglite.exec(`VACUUM FULL ${table}`);
    // A part of the log goes at the second checkpoint after it: until then a crash would need it.
    for (let k = 0; k < 2; k++) {
      await this.#pglite.query('SELECT pg_switch_wal()');
      await this.#pglite.exec('CHECKPOINT');
    }
  }

  async close(): Promise<void> {
    await this.#pglite.close();
    await this.#lock.release();
  }
}

async function rowsOf<Row extends object>(
  queries: PGlite | Transaction,
  statement: string,
  values: readonly Value[],
): Promise<Row[]> {
  return (await queries.query<Row>(statement, [...values])).rows;
}

/** PGlite copies to the memory of this process, all at once. */
async function* copyOf(queries: PGlite | Transaction, query: string): AsyncGenerator<Uint8Array> {
  const { blob } = await queries.query(`COPY (${query}) TO '/dev/blob' WITH (FORMAT binary)`);
  if (blob) yield new Uint8Array(await blob.arrayBuffer());
}

async function openIn(folder: string): Promise<PGlite> {
  const path = join(folder, DATABASE);
  if (!(await exists(path))) {
    const strangers = (await readdir(folder)).filter((name) => !name.startsWith(UNFINISHED));
    if (strangers.length > 0)
      throw new Error(`${folder} is not empty and no gallery; name another folder, or a new one, with --gallery`);
    await makeDatabase(folder, path);
  }
  await chmod(folder, 0o700);
  return start(path);
}

/** Made under another name, then renamed: a folder with a database in it has a whole one. */
async function makeDatabase(folder: string, path: string): Promise<void> {
  for (const name of await readdir(folder))
    if (name.startsWith(UNFINISHED)) await rm(join(folder, name), { recursive: true, force: true });
  const unfinished = join(folder, `${UNFINISHED}${randomUUID()}`);
  await mkdir(unfinished, { mode: 0o700 });
  await (await start(unfinished)).close();
  await rename(unfinished, path);
}

async function start(path: string): Promise<PGlite> {
  const { PGlite, vector } = await loadPglite();
  const settings = SETTINGS.flatMap((setting) => ['-c', setting]);
  return PGlite.create({
    dataDir: path,
    extensions: { vector },
    startParams: [...PGlite.defaultStartParams, ...settings],
  });
}

/** It is large, and loaded only by those who use it. */
async function loadPglite() {
  try {
    const [{ PGlite }, { vector }] = await Promise.all([
      import('@electric-sql/pglite'),
      import('@electric-sql/pglite-pgvector'),
    ]);
    return { PGlite, vector };
  } catch (error) {
    throw new Error(
      'a gallery in a folder needs PGlite: npm install @electric-sql/pglite @electric-sql/pglite-pgvector',
      { cause: error },
    );
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
