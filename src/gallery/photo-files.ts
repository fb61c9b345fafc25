import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { GalleryError } from './embedders';

/** Names of pictures that can be read. */
const EXTENSIONS = new Set(['.jpg', '.jpeg', '.png', '.gif', '.bmp', '.tif', '.tiff']);

export interface ListedPhoto {
  /** Absolute. */
  path: string;
  stamp: string;
}

export const isPhotoName = (name: string): boolean =>
  !name.startsWith('.') && EXTENSIONS.has(extname(name).toLowerCase());

/**
 * The photos in a folder and the folders in it, in the order of their paths. What begins with a dot is passed over.
 * @throws GalleryError when the folder cannot be read
 */
export async function listPhotos(folder: string): Promise<ListedPhoto[]> {
  const photos: ListedPhoto[] = [];
  const look = async (path: string): Promise<void> => {
    for (const entry of (await entriesOf(path)).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const inside = join(path, entry.name);
      if (entry.name.startsWith('.')) continue;
      if (entry.isDirectory()) await look(inside);
      else if (isPhotoName(entry.name)) {
        const photo = await listedPhoto(inside);
        if (photo) photos.push(photo);
      }
    }
  };
  await look(resolve(folder));
  return photos;
}

/** A folder's folders: a person each. */
export async function subfolders(folder: string): Promise<string[]> {
  const entries = await entriesOf(resolve(folder));
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => name)
    .sort();
}

/** @returns nothing where there is no such file */
export async function listedPhoto(path: string): Promise<ListedPhoto | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  return { path: resolve(path), stamp: `${found.size}-${Math.round(found.mtimeMs)}` };
}

/** A photo's bytes with what the gallery knows a photo by. @throws Error when it is gone or cannot be read */
export async function readPhotoFile(
  path: string,
): Promise<{ path: string; stamp: string; content: string; file: File }> {
  const listed = await listedPhoto(path);
  if (!listed) throw new Error(`${path} does not exist`);
  const bytes = await readFile(path);
  return { ...listed, content: hashOf(bytes), file: new File([bytes], path) };
}

export const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const reason =
      code === 'ENOENT' ? 'does not exist' : code === 'ENOTDIR' ? 'is a file; name a folder' : 'cannot be read';
    throw new GalleryError(`${folder} ${reason}`, { cause: error });
  }
}
