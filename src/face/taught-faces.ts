import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backend } from '../kernels/backend';
import { chipTransform, TEMPLATES } from './align';
import { type Dataset, DatasetError } from './dataset';
import { readCached, writeCached } from './dataset-cache';
import {
  type FolderDataset,
  type FolderOptions,
  type FoundFace,
  faceOf,
  keptSize,
  type PersonFiles,
  packed,
  readPeople,
  unpacked,
} from './dataset-folder';
import type { KnownFace } from './embedding-cache';
import { readImage } from './image';
import type { PixelShape } from './pixels';
import { cutChip } from './warp';

/*
 * Faces for a student (Node only): the very faces that a teacher has looked at, cut as the student takes them, each with
 * what it should come to.
 */

export type TaughtOptions = PixelShape & Pick<FolderOptions, 'template' | 'cacheFolder' | 'onProgress' | 'signal'>;

/** Part of every key: a change of how pixels come about forgets the cached ones. */
const VERSION = 1;

/**
 * @param known what the teacher makes of each file; those without a face are left out
 * @throws DatasetError when hardly a file could be used
 */
export async function taughtFaces(
  backend: Backend,
  people: readonly PersonFiles[],
  known: ReadonlyMap<string, KnownFace>,
  options: TaughtOptions,
): Promise<Omit<FolderDataset, 'decoded'>> {
  const { cacheFolder } = options;
  if (cacheFolder) await mkdir(cacheFolder, { recursive: true });
  const read = async (file: string): Promise<FoundFace | Error | undefined> => {
    const face = known.get(file);
    if (!face) return undefined;
    try {
      return { ...(await cut(backend, file, face, options)), target: face.embedding };
    } catch (error) {
      options.signal?.throwIfAborted();
      return error instanceof Error ? error : new Error(String(error));
    }
  };
  const data = await readPeople(people, read, options);
  if (data.examples.length < 2)
    throw new DatasetError(`${data.examples.length} images show a face that can be found; too few to learn from`);
  return { ...data, examples: withTargets(data) };
}

/** The face of a file, by way of the cache. */
async function cut(
  backend: Backend,
  file: string,
  { landmarks }: KnownFace,
  options: TaughtOptions,
): Promise<FoundFace> {
  const { template: name = 'arcface', height, width, channels, cacheFolder } = options;
  const bytes = await readFile(file);
  const key = createHash('sha256')
    .update(JSON.stringify(['taught', VERSION, height, width, channels, name, landmarks]))
    .update(bytes)
    .digest('hex');
  const place = cacheFolder && join(cacheFolder, `${key}.face`);
  const cached = place ? await readCached(place, keptSize(options, true)) : undefined;
  if (cached?.face) return unpacked(cached.face, options);
  const template = TEMPLATES[name];
  const toPhoto = chipTransform(landmarks, template);
  const photo = await readImage(new File([Uint8Array.from(bytes)], file));
  const chip = await cutChip(backend, photo, toPhoto, template.side);
  const face = faceOf({ chip, landmarks, toPhoto }, options);
  if (place) await writeCached(place, packed(face));
  return face;
}

/** How much of an image's own embedding stays in its target. */
const OWN = 0.5;

/**
 * What a student is to come to. Embeddings of faces lie in a narrow cone (dlib's have cosines above 0.8 even between
 * strangers), and a student that has learnt the cone's axis would be nearly right by cosine. So the mean of all is taken
 * off, and what is left made 1 long. Each then moves halfway towards the mean of the same person's: what the teacher sees
 * of pose and light in one photo is not worth learning.
 */
export function withTargets({ names, examples }: Pick<Dataset, 'names' | 'examples'>): Dataset['examples'] {
  const length = examples[0]?.target?.length ?? 0;
  const targets = examples.map(({ target }) => Float64Array.from(target ?? []));
  const middle = new Float64Array(length);
  for (const target of targets) addTo(middle, target, 1 / targets.length);
  const people = Array.from(names, () => new Float64Array(length));
  for (const [k, target] of targets.entries()) {
    addTo(target, middle, -1);
    target.set(unit(target));
    addTo(people[examples[k].label], target, 1);
  }
  const means = people.map(unit);
  return examples.map((example, k) => {
    const target = new Float64Array(length);
    addTo(target, targets[k], OWN);
    addTo(target, means[example.label], 1 - OWN);
    return { ...example, target: Float32Array.from(unit(target)) };
  });
}

function addTo(sum: Float64Array, vector: ArrayLike<number>, factor: number): void {
  for (let k = 0; k < sum.length; k++) sum[k] += factor * vector[k];
}

function unit(vector: Float64Array): Float64Array {
  const length = Math.max(Math.hypot(...vector), 1e-12);
  return vector.map((value) => value / length);
}
