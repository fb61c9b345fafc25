import { mkdir, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, extname, join, parse, resolve } from 'node:path';
import { writeWholeFile } from '../platform/whole-file';
import { UserError } from './output';

/** Writes a file whole or not at all. @throws UserError when the folder cannot be written to */
export async function writeFileAtomically(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeWholeFile(path, bytes);
  } catch (error) {
    throw new UserError(`${path} cannot be written: ${reasonOf(error)}`, { cause: error });
  }
}

/** A chart as a page that needs no other file, and as a picture. */
export interface Chart {
  html: string;
  svg: string;
}

const isPage = (path: string) => ['.html', '.htm'].includes(extname(path).toLowerCase());

/** Before the work, and not at its end. @throws UserError when no chart can be written there */
export async function expectChartPlace(out: string | undefined): Promise<void> {
  if (out === undefined) return;
  if (!isPage(out) && extname(out).toLowerCase() !== '.svg')
    throw new UserError(`--out writes a chart; name a file that ends in .html or .svg, not ${out}`);
  if (!(await isFolder(dirname(out)))) throw new UserError(`${out} cannot be written: there is no such folder`);
  if (await isFolder(out)) throw new UserError(`${out} cannot be written: there is a folder of that name`);
}

/** The page or the picture, as the file's name says. */
export const writeChart = (out: string, { html, svg }: Chart): Promise<void> =>
  writeFileAtomically(out, new TextEncoder().encode(isPage(out) ? html : svg));

/** Where what may be made again is kept. */
export const cacheFolder = (name: string): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'likeness', name);

/** Names the pictures that a run writes. It never names one of the photos that the run reads, nor one name twice. */
export class OutputFolder {
  /** A folder, or a file that ends in .png. */
  readonly #out: string;
  readonly #isFile: boolean;
  /** The photos' paths, symbolic links resolved. */
  readonly #photos: ReadonlySet<string>;
  /** In small letters: some file systems do not tell them apart. */
  readonly #taken = new Set<string>();

  private constructor(out: string, isFile: boolean, photos: ReadonlySet<string>) {
    this.#out = out;
    this.#isFile = isFile;
    this.#photos = photos;
  }

  /**
   * @param out    a folder, made if it is not there; or, for one photo, a file that ends in .png
   * @param photos the files that are read
   * @param kind   'folder' where one photo may give several pictures
   * @throws UserError when `out` is neither
   */
  static async open(
    out: string,
    photos: readonly string[],
    kind: 'either' | 'folder' = 'either',
  ): Promise<OutputFolder> {
    if (out.trim() === '') throw new UserError('--out is empty; name a folder');
    const extension = extname(out).toLowerCase();
    const isFile = extension === '.png' && !(await isFolder(out));
    if (isFile && kind === 'folder') throw new UserError(`${out} names a file; name a folder with --out`);
    if (isFile && photos.length > 1)
      throw new UserError(`${out} is one file, but there are ${photos.length} photos; name a folder with --out`);
    if (/^\.(jpe?g|gif|bmp|tiff?|webp)$/.test(extension))
      throw new UserError(`${out} cannot be written: pictures are written as PNG; name a .png file or a folder`);
    await makeFolder(isFile ? dirname(out) : out);
    return new OutputFolder(out, isFile, new Set(await Promise.all(photos.map(realPath))));
  }

  /**
   * @returns where to write a picture made from `photo`
   * @throws UserError when that would overwrite one of the photos
   */
  async pathFor(photo: string, suffix: string): Promise<string> {
    const path = this.#isFile ? this.#out : this.#freeName(`${parse(photo).name}${suffix}`);
    if (this.#photos.has(await realPath(path)))
      throw new UserError(`${path} is one of the photos and stays as it is; choose another --out`);
    return path;
  }

  /** Photos of the same name from two folders do not overwrite each other's pictures. */
  #freeName(name: string): string {
    for (let copy = 1; ; copy++) {
      const path = join(this.#out, `${name}${copy === 1 ? '' : `-${copy}`}.png`);
      if (this.#taken.has(path.toLowerCase())) continue;
      this.#taken.add(path.toLowerCase());
      return path;
    }
  }
}

export const isFolder = (path: string) =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

/** With symbolic links resolved, where there is such a file. */
export const realPath = (path: string): Promise<string> => realpath(path).catch(() => resolve(path));

async function makeFolder(path: string) {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw new UserError(`the folder ${path} cannot be made: ${reasonOf(error)}`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EEXIST' || code === 'ENOTDIR') return 'there is a file of that name';
  if (code === 'EISDIR') return 'it is a folder';
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return 'permission denied';
  if (code === 'ENOSPC') return 'the disk is full';
  return error instanceof Error ? error.message : String(error);
}
