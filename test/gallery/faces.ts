import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { EmbedderDescription } from '../../src/gallery/embedders';
import type { FoundFace, Template } from '../../src/gallery/gallery';
import type { LookedAt } from '../../src/gallery/photo-index';
import { stream } from '../../src/tensor/random';

export const EMBEDDER: EmbedderDescription = {
  name: 'drawn by lot',
  dimension: 16,
  isFlipped: true,
  aligner: 'sixty-eight',
};
export const CALIBRATION = {
  threshold: 0.5,
  slope: 40,
  centre: 0.5,
  falseMatchRate: 0.01,
  stricter: [{ threshold: 0.4, falseMatchRate: 0.001 }],
};

/** A face of person `person`: faces of one person are about 0.2 apart, of two people 1.4. */
export function embeddingOf(person: number, variant: number, dimension = EMBEDDER.dimension): Float32Array {
  const own = stream(1, person);
  const noise = stream(2, person, variant);
  const values = Array.from({ length: dimension }, () => own.normal() + 0.1 * noise.normal());
  const length = Math.hypot(...values);
  return Float32Array.from(values, (value) => value / length);
}

export const faceOf = (person: number, variant: number, dimension?: number): FoundFace => ({
  box: [10 * variant, 20, 30, 40],
  score: 0.9,
  quality: 0.75,
  embedding: embeddingOf(person, variant, dimension),
});

export const templateOf = (personId: number, person: number, variant: number): Template => ({
  ...faceOf(person, variant),
  personId,
  path: `/photos/${person}/${variant}.jpg`,
  stamp: '1-1',
  content: `content of ${person} ${variant}`,
});

/** Writes a "photo": which people it shows, as `lookAt` reads it. */
export async function writePhoto(folder: string, name: string, ...people: [person: number, variant: number][]) {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, JSON.stringify(people));
  return path;
}

/** In place of the networks. `onLook` may delay or interfere. */
export async function* lookAt(
  photos: AsyncIterable<File>,
  onLook: (name: string) => unknown = () => {},
  dimension?: number,
): AsyncGenerator<LookedAt> {
  for await (const photo of photos) {
    await onLook(photo.name);
    let people: [number, number][];
    try {
      people = JSON.parse(await photo.text());
    } catch {
      yield { error: new Error(`${photo.name} is damaged`) };
      continue;
    }
    yield { width: 100, height: 80, faces: people.map(([person, variant]) => faceOf(person, variant, dimension)) };
  }
}

/** The sentence with which something is refused. */
export async function refusalOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error('it was not refused');
}
