import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { apply, invert, LANDMARK_COUNT, type Point, type TEMPLATES } from './align';
import { type Dataset, DatasetError, type Example } from './dataset';
import { detectorKey, readCached, writeCached } from './dataset-cache';
import { readImage } from './image';
import { type AlignedFace, FacePipeline, type PipelineOptions } from './pipeline';
import { inputPixels, type PixelShape, resizedPoint } from './pixels';

/*
 * A folder of folders, one person each, becomes a data set (Node only). All files are decoded, and their faces found
 * and aligned, once and before training begins; the results are kept as bytes in a cache, and a second run reads those
 * instead. No training step waits for a decoder.
 */

export interface FolderOptions extends PixelShape {
  /** The images show aligned faces already and are only cut and resized. Default false: faces are found and aligned. */
  aligned?: boolean;
  /** What a found face is aligned to: 'arcface' (the default) shows brows to mouth, 'dlib' the whole face, 'upper' hair to nose. */
  template?: keyof typeof TEMPLATES;
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
const VERSION = 3;

/**
 * Reads a data set. Of a photo with several faces the largest is taken.
 *
 * @param folder or several, whose people are then named folder/person
 * @throws DatasetError when there is no such folder, when it has fewer than two people, when no person has two
 * images, or when hardly a file could be used
 */
export async function loadFolder(folder: string | readonly string[], options: FolderOptions): Promise<FolderDataset> {
  const people = await listAllPeople(folder);
  const named = typeof folder === 'string' ? folder : folder.join(', ');
  checkCounts(
    named,
    people.map(({ files }) => files.length),
    'images',
  );
  if (options.cacheFolder) await mkdir(options.cacheFolder, { recursive: true });

  await using reader = new FaceReader(options);
  const data = await readPeople(people, (file) => reader.read(file), options);
  const { names, examples, problems } = data;
  if (examples.length === 0)
    throw new DatasetError(`none of the ${problems.length} images in ${named} could be used; ${problems[0].error}`);
  const counts = Array.from(names, () => 0);
  for (const { label } of examples) counts[label]++;
  checkCounts(named, counts, 'images that could be used');
  return { ...data, decoded: reader.decoded };
}

/** A face as an example has it. */
export type FoundFace = Pick<Example, 'pixels' | 'landmarks' | 'target'>;

/** @param read a face, nothing where there is none, or the error that was met */
export async function readPeople(
  people: readonly PersonFiles[],
  read: (file: string) => Promise<FoundFace | Error | undefined>,
  options: PixelShape & Pick<FolderOptions, 'signal' | 'onProgress'>,
): Promise<Omit<FolderDataset, 'decoded'>> {
  const { height, width, channels, signal, onProgress } = options;
  const total = people.reduce((sum, { files }) => sum + files.length, 0);
  const problems: FolderDataset['problems'] = [];
  const names: string[] = [];
  const examples: Example[] = [];
  let done = 0;
  for (const { name, files } of people) {
    const own: Example[] = [];
    for (const file of files) {
      signal?.throwIfAborted();
      const found = await read(file);
      if (found instanceof Error) problems.push({ file, error: found.message });
      else if (found) own.push({ ...found, label: names.length, file });
      else problems.push({ file, error: `${file} ${NO_FACE}` });
      onProgress?.(++done, total);
    }
    if (own.length === 0) continue; // somebody of whom nothing is known is no one to recognise
    names.push(name);
    examples.push(...own);
  }
  return { names, examples, height, width, channels, problems };
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
  async read(file: string): Promise<FoundFace | Error | undefined> {
    const { cacheFolder, aligned = false } = this.#options;
    let bytes: Uint8Array;
    try {
      bytes = await readFile(file);
    } catch (error) {
      return new Error(`${file} cannot be read: ${error instanceof Error ? error.message : error}`);
    }
    const place = cacheFolder && join(cacheFolder, `${await this.#key(bytes)}.face`);
    const size = keptSize(this.#options, !aligned);
    const cached = place ? await readCached(place, size) : undefined;
    if (cached) return cached.face && unpacked(cached.face, this.#options);

    await this.#open();
    this.decoded++;
    let face: FoundFace | undefined;
    try {
      face = await this.#face(bytes, file);
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      return error instanceof Error ? error : new Error(String(error));
    }
    if (place) await writeCached(place, face && packed(face));
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

  async #face(bytes: Uint8Array, file: string): Promise<FoundFace | undefined> {
    const { template = 'arcface', signal } = this.#options;
    const image = { ...(await readImage(new File([Uint8Array.from(bytes)], file))), name: file };
    const pipeline = await this.#open();
    if (!pipeline) return { pixels: inputPixels(image, this.#options) };
    const faces = await pipeline.align(image, { template, ...(signal ? { signal } : {}) });
    const area = ({ box: [, , width, height] }: (typeof faces)[number]) => width * height;
    const [largest] = faces.sort((a, b) => area(b) - area(a));
    return largest && faceOf(largest, this.#options);
  }
}

/** An aligned face as the network takes it, with its landmarks. */
export const faceOf = (
  { chip, landmarks, toPhoto }: Pick<AlignedFace, 'chip' | 'landmarks' | 'toPhoto'>,
  shape: PixelShape,
): FoundFace => {
  const toChip = invert(toPhoto);
  return {
    pixels: inputPixels(chip, shape),
    // As a cache keeps them.
    landmarks: landmarks.map((point): Point => {
      const [x, y] = resizedPoint(apply(toChip, point), chip, shape);
      return [Math.fround(x), Math.fround(y)];
    }),
  };
};

/** Bytes that are kept of a face. */
export const keptSize = ({ height, width, channels }: PixelShape, hasLandmarks: boolean): number =>
  height * width * channels + (hasLandmarks ? 8 * LANDMARK_COUNT : 0);

/** Landmarks come first, so that they are aligned to their four bytes each. */
export function packed({ pixels, landmarks = [] }: FoundFace): Uint8Array {
  const points = new Uint8Array(Float32Array.from(landmarks.flat()).buffer);
  const bytes = new Uint8Array(points.length + pixels.length);
  bytes.set(points);
  bytes.set(pixels, points.length);
  return bytes;
}

export function unpacked(bytes: Uint8Array, { height, width, channels }: PixelShape): FoundFace {
  const start = bytes.length - height * width * channels;
  const pixels = bytes.slice(start);
  if (start === 0) return { pixels };
  const numbers = new Float32Array(bytes.slice(0, start).buffer);
  return {
    pixels,
    landmarks: Array.from({ length: LANDMARK_COUNT }, (_, k): Point => [numbers[2 * k], numbers[2 * k + 1]]),
  };
}

export interface PersonFiles {
  name: string;
  files: string[];
}

/** The people of several folders, named folder/person; those of a single one by their own names. */
export async function listAllPeople(folder: string | readonly string[]): Promise<PersonFiles[]> {
  if (typeof folder === 'string') return listPeople(folder);
  if (folder.length === 1) return listPeople(folder[0]);
  const people: PersonFiles[] = [];
  for (const one of folder)
    for (const { name, files } of await listPeople(one)) people.push({ name: `${basename(one)}/${name}`, files });
  return people;
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
