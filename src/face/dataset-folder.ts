import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { type Dataset, DatasetError, type Example } from './dataset';
import { detectorKey, readCached, writeCached } from './dataset-cache';
import { readImage } from './image';
import { FacePipeline, type PipelineOptions } from './pipeline';
import { inputPixels, type PixelShape } from './pixels';

/*
 * A folder of folders, one person each, becomes a data set (Node only). All files are decoded, and their faces found
 * and aligned, once and before training begins; the results are kept as bytes in a cache, and a second run reads those
 * instead. No training step waits for a decoder.
 */

export interface FolderOptions extends PixelShape {
  /** The images show aligned faces already and are only cut and resized. Default false: faces are found and aligned. */
  aligned?: boolean;
  /** What a found face is aligned to: 'arcface' (the default) shows brows to mouth, 'dlib' the whole face. */
  template?: 'dlib' | 'arcface';
  /** Where the results are kept; without it nothing is. Made if it is not there. */
  cacheFolder?: string;
  /** How faces are found; opened when a file is first met that the cache does not know. */
  pipeline?: PipelineOptions;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

export interface FolderDataset extends Dataset {
  /** The files that gave no example, and the sentence that says why. */
  problems: { file: string; error: string }[];
  /** How many files were decoded; the cache knew the others. */
  decoded: number;
}

const NO_FACE = 'shows no face that can be found';
const EXTENSIONS = new Set(['.jpg', '.jpeg', '.png', '.gif', '.bmp', '.tif', '.tiff', '.webp']);
/** Part of every key: a change of how pixels come about forgets the cached ones. */
const VERSION = 1;

/**
 * Reads a data set. Of a photo with several faces the largest is taken.
 *
 * @throws DatasetError when there is no such folder, when it has fewer than two people, when no person has two
 * images, or when hardly a file could be used
 */
export async function loadFolder(folder: string, options: FolderOptions): Promise<FolderDataset> {
  const people = await listPeople(folder);
  checkCounts(
    folder,
    people.map(({ files }) => files.length),
    'images',
  );
  if (options.cacheFolder) await mkdir(options.cacheFolder, { recursive: true });

  await using reader = new FaceReader(options);
  const total = people.reduce((sum, { files }) => sum + files.length, 0);
  const problems: FolderDataset['problems'] = [];
  const names: string[] = [];
  const examples: Example[] = [];
  let done = 0;
  for (const { name, files } of people) {
    const own: Example[] = [];
    for (const file of files) {
      options.signal?.throwIfAborted();
      const found = await reader.read(file);
      if (found instanceof Error) problems.push({ file, error: found.message });
      else if (found) own.push({ pixels: found, label: names.length, file });
      else problems.push({ file, error: `${file} ${NO_FACE}` });
      options.onProgress?.(++done, total);
    }
    if (own.length === 0) continue; // somebody of whom nothing is known is no one to recognise
    names.push(name);
    examples.push(...own);
  }
  if (examples.length === 0)
    throw new DatasetError(`none of the ${total} images in ${folder} could be used; ${problems[0].error}`);
  const counts = names.map((_, label) => examples.filter((example) => example.label === label).length);
  checkCounts(folder, counts, 'images that could be used');
  const { height, width, channels } = options;
  return { names, examples, height, width, channels, problems, decoded: reader.decoded };
}

/** Turns files into pixels, by way of the cache. */
class FaceReader {
  decoded = 0;
  readonly #options: FolderOptions;
  readonly #detector: Promise<string>;
  #pipeline: Promise<FacePipeline> | undefined;

  constructor(options: FolderOptions) {
    this.#options = options;
    this.#detector = detectorKey(options.pipeline?.detector);
    this.#detector.catch(() => undefined); // reported where a key is asked for
  }

  /** The pixels of a face, nothing where there is no face, or the error that was met. Opening a device may throw. */
  async read(file: string): Promise<Uint8Array | Error | undefined> {
    const { cacheFolder, height, width, channels } = this.#options;
    let bytes: Uint8Array;
    try {
      bytes = await readFile(file);
    } catch (error) {
      return new Error(`${file} cannot be read: ${error instanceof Error ? error.message : error}`);
    }
    const place = cacheFolder && join(cacheFolder, `${await this.#key(bytes)}.face`);
    const cached = place ? await readCached(place, height * width * channels) : undefined;
    if (cached) return cached.face;

    await this.#open();
    this.decoded++;
    let face: Uint8Array | undefined;
    try {
      face = await this.#face(bytes, file);
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      return error instanceof Error ? error : new Error(String(error));
    }
    if (place) await writeCached(place, face);
    return face;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#pipeline)?.[Symbol.asyncDispose]();
  }

  /** The content and all that the pixels depend on. */
  async #key(bytes: Uint8Array): Promise<string> {
    const { height, width, channels, aligned = false, template = 'arcface', pipeline = {} } = this.#options;
    const how = aligned
      ? 'aligned'
      : [template, await this.#detector, pipeline.landmarks ?? 'full', pipeline.aligner ?? 'sixty-eight'];
    return createHash('sha256')
      .update(JSON.stringify([VERSION, height, width, channels, how]))
      .update(bytes)
      .digest('hex');
  }

  async #open(): Promise<FacePipeline | undefined> {
    if (!this.#options.aligned) this.#pipeline ??= FacePipeline.open(this.#options.pipeline);
    return this.#pipeline;
  }

  async #face(bytes: Uint8Array, file: string): Promise<Uint8Array | undefined> {
    const { template = 'arcface', signal } = this.#options;
    const image = { ...(await readImage(new File([Uint8Array.from(bytes)], file))), name: file };
    const pipeline = await this.#open();
    if (!pipeline) return inputPixels(image, this.#options);
    const faces = await pipeline.align(image, { template, ...(signal ? { signal } : {}) });
    const area = ({ box: [, , width, height] }: (typeof faces)[number]) => width * height;
    const [largest] = faces.sort((a, b) => area(b) - area(a));
    return largest && inputPixels(largest.chip, this.#options);
  }
}

export interface PersonFiles {
  name: string;
  files: string[];
}

/** The folders of a folder and the pictures in each, also in folders within, as a person would sort them: 2 before 10. */
export async function listPeople(folder: string): Promise<PersonFiles[]> {
  const entries = await readFolder(folder);
  const people: PersonFiles[] = [];
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() || (entry.isSymbolicLink() && (await isFolder(path))))
      people.push({ name: entry.name, files: await listPictures(path) });
  }
  const filled = people.filter(({ files }) => files.length > 0);
  if (filled.length > 0) return filled;
  if (entries.some(({ name }) => isPicture(name)))
    throw new DatasetError(`${folder} holds images but no folders; put those of each person into a folder of its own`);
  throw new DatasetError(`${folder} holds no images; it should hold a folder of images for each person`);
}

async function listPictures(folder: string): Promise<string[]> {
  const files: string[] = [];
  for (const entry of await readFolder(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) files.push(...(await listPictures(path)));
    else if (isPicture(entry.name)) files.push(path);
  }
  return files;
}

const isPicture = (name: string) => EXTENSIONS.has(extname(name).toLowerCase());

const natural = new Intl.Collator('en', { numeric: true });

async function readFolder(folder: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const visible = entries.filter(({ name }) => !name.startsWith('.'));
    // Names that count as equal ("a1" and "a01") still need an order that does not depend on the file system.
    return visible.sort((a, b) => natural.compare(a.name, b.name) || (a.name < b.name ? -1 : 1));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') throw new DatasetError(`${folder} does not exist`);
    if (code === 'ENOTDIR')
      throw new DatasetError(`${folder} is a file; a folder of folders is needed, one for each person`);
    throw new DatasetError(`${folder} cannot be read: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}

const isFolder = (path: string) =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

/** Two people at least, and one of them with two images: else there is nothing to tell apart, or nothing to test on. */
function checkCounts(folder: string, counts: readonly number[], what: string) {
  if (counts.length < 2)
    throw new DatasetError(`${folder} holds ${what} of one person only; at least two are needed to tell people apart`);
  if (counts.every((count) => count < 2))
    throw new DatasetError(
      `${folder} holds ${what} of ${counts.length} people, but only one of each; at least two are needed, to train on one and test on the other`,
    );
}
