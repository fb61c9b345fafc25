import { createHash } from 'node:crypto';
import { realpath, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

/*
 * A folder belongs to one process at a time. What is held is a local socket whose name follows from the folder's path:
 * the system closes it with the process, however that ends, so that no lock is ever left behind. Linux and Windows need
 * no file for it; elsewhere it is a file in the folder for temporary files.
 */

/** A folder that another process holds. */
export class FolderInUse extends Error {
  override name = 'FolderInUse';
}

export interface FolderLock {
  release(): Promise<void>;
}

const MILLISECONDS_BETWEEN_TRIES = 100;
const MILLISECONDS_TO_ANSWER = 300;

/**
 * @param milliseconds how long to wait for another process that holds it
 * @param onWaiting is told once, and who it is, when there is something to wait for
 * @throws FolderInUse when it was not to be had in that time
 */
export async function lockFolder(
  folder: string,
  milliseconds: number,
  onWaiting: (holder: string) => void = () => {},
): Promise<FolderLock> {
  const name = await socketName(folder);
  const deadline = performance.now() + milliseconds;
  for (let isFirst = true; ; isFirst = false) {
    const server = await listen(name);
    if (server) return { release: () => new Promise((done) => server.close(() => done())) };
    const holder = await holderOf(name);
    if (holder === undefined && !isAbstract()) await rm(name, { force: true }); // nobody listens: it was left behind
    if (performance.now() >= deadline)
      throw new FolderInUse(
        `the gallery ${folder} is in use by ${holder || 'another process'}; wait until that has ended, or keep the ` +
          'gallery on a PostgreSQL server (--gallery postgres://...), which many can use at once',
      );
    if (isFirst) onWaiting(holder || 'another process');
    await setTimeout(MILLISECONDS_BETWEEN_TRIES);
  }
}

const isAbstract = () => process.platform === 'linux' || process.platform === 'win32';

async function socketName(folder: string): Promise<string> {
  const hash = createHash('sha256')
    .update(await realpath(folder))
    .digest('hex')
    .slice(0, 32);
  if (process.platform === 'linux') return `\0likeness-${hash}`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\likeness-${hash}`;
  return join(tmpdir(), `likeness-${hash}.socket`);
}

/** @returns nothing where another holds the name */
function listen(name: string): Promise<Server | undefined> {
  return new Promise((done, fail) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.end(`process ${process.pid}`);
    });
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? done(undefined) : fail(error),
    );
    server.listen(name, () => {
      server.unref();
      done(server);
    });
  });
}

/** @returns what the holder says of itself, '' when it is busy, nothing when there is none */
function holderOf(name: string): Promise<string | undefined> {
  return new Promise((done) => {
    const socket = connect(name);
    let said = '';
    socket.setTimeout(MILLISECONDS_TO_ANSWER, () => {
      socket.destroy();
      done(said);
    });
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      said += text;
    });
    socket.on('end', () => done(said));
    socket.on('error', () => done(undefined));
  });
}
