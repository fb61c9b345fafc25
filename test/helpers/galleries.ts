import { rmSync } from 'node:fs';
import { appendFile, cp, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import type { Database } from '../../src/gallery/database';
import { FolderDatabase } from '../../src/gallery/folder-database';
import { ServerDatabase } from '../../src/gallery/server-database';

/*
 * Both homes of a gallery. Making a database takes PGlite seconds, so that one is made for all runs of a checkout, and
 * copied. PostgreSQL fills its buffers at every start, which takes half a second for the 128 MB that it has unless told
 * otherwise. The network client is tested against PGlite behind a socket; LIKENESS_TEST_POSTGRES=postgres://user@host/name
 * tests it against that server, whose gallery is
 * deleted. The socket muddles statements of several connections, so that there is one.
 */

const MADE = resolve('.cache/small-gallery');
const folders: string[] = [];
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export interface TestHome {
  title: string;
  database: Database;
  /** Where the files are; only of a gallery in a folder. */
  folder?: string;
}

/** A folder with a gallery that holds nothing. */
export async function emptyGalleryFolder(): Promise<string> {
  if (!(await stat(MADE).catch(() => undefined))) await makeEmptyGallery();
  const folder = await temporaryFolder();
  await cp(join(MADE, 'database'), join(folder, 'database'), { recursive: true });
  return folder;
}

/** Renamed when it is whole, so that no other process of the tests copies half of it. */
async function makeEmptyGallery(): Promise<void> {
  const unfinished = `${MADE}.${process.pid}`;
  await (await FolderDatabase.open(unfinished)).close();
  await appendFile(join(unfinished, 'database', 'postgresql.conf'), '\nshared_buffers = 16MB\n');
  try {
    await rename(unfinished, MADE);
  } catch (error) {
    // Another process was first.
    await rm(unfinished, { recursive: true });
    if (!(await stat(MADE).catch(() => undefined))) throw error;
  }
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'likeness-gallery-'));
  folders.push(folder);
  return folder;
}

/** The address of a server, and what ends it. */
export async function testServer(): Promise<{ address: string; stop(): Promise<void> }> {
  const { LIKENESS_TEST_POSTGRES } = process.env;
  if (LIKENESS_TEST_POSTGRES) return { address: LIKENESS_TEST_POSTGRES, stop: async () => {} };
  const db = await PGlite.create({ dataDir: join(await emptyGalleryFolder(), 'database'), extensions: { vector } });
  const server = new PGLiteSocketServer({ db, port: 0, maxConnections: 20 });
  await server.start();
  const stop = async () => {
    await server.stop();
    await db.close();
  };
  return { address: `postgres://postgres@${server.getServerConn()}/postgres?max=1`, stop };
}

/** A database in each home, without tables; `close` ends them. */
export async function testHomes(): Promise<{ homes: TestHome[]; close(): Promise<void> }> {
  const folder = await emptyGalleryFolder();
  const server = await testServer();
  const homes = [
    { title: 'in a folder', database: await FolderDatabase.open(folder), folder },
    { title: 'on a server', database: await ServerDatabase.open(server.address) },
  ];
  const close = async () => {
    for (const { database } of homes) await database.close();
    await server.stop();
  };
  return { homes, close };
}

/** Nothing is left of a gallery, and no queue. */
export async function dropGallery(database: Database): Promise<void> {
  await database.run('DROP SCHEMA IF EXISTS likeness CASCADE; DROP SCHEMA IF EXISTS likeness_queue CASCADE');
}
