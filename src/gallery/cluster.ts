import { sep } from 'node:path';
import type { Backend } from '../kernels/backend';
import { matmul } from '../tensor/ops/matmul';
import { scope, unscoped } from '../tensor/scope';
import { Tensor } from '../tensor/tensor';
import { chineseWhispers, type Edge, weightOf } from './chinese-whispers';
import type { GalleryEmbedder } from './embedders';
import type { Gallery } from './gallery';
import { distanceOfCosine } from './nearest';
import { facesUnder, type GroupableFace, type IndexedFace, storeGroups } from './photo-index';
import { GallerySearch } from './search';

export interface FaceGroup {
  /** What `enroll --group` calls it: 1 is the largest. */
  number: number;
  faces: IndexedFace[];
}

export interface ClusterOptions {
  /** The largest distance of two faces that makes them neighbours. */
  threshold: number;
  /** The largest distance at which a face is somebody's of the gallery, and no unknown one. */
  knownWithin: number;
  /** Decides the order in which faces whisper. */
  seed?: number;
  signal?: AbortSignal;
}

const ROWS_AT_ONCE = 512;

/**
 * Groups the faces of the photos under a folder that are nobody's of the gallery, by Chinese whispers, and remembers the
 * groups. The photos must be in the index.
 */
export async function clusterFaces(
  gallery: Gallery,
  embedder: GalleryEmbedder,
  backend: Backend,
  folder: string,
  { threshold, knownWithin, seed = 1, signal }: ClusterOptions,
): Promise<{ groups: FaceGroup[]; known: number }> {
  const all = await facesUnder(gallery.database, embedder, folder.endsWith(sep) ? folder : folder + sep);
  const unknown = await withoutKnown(gallery, embedder, backend, all, knownWithin);
  const edges = await neighboursAmong(backend, unknown, threshold, signal);
  const numbers = chineseWhispers(unknown.length, edges, seed);
  const groups: FaceGroup[] = [];
  for (const [k, { embedding: _, ...face }] of unknown.entries()) {
    const number = numbers[k] + 1;
    groups[numbers[k]] ??= { number, faces: [] };
    groups[numbers[k]].faces.push({ ...face, group: number });
  }
  const groupOf = new Map(unknown.map(({ id }, k) => [id, numbers[k] + 1]));
  await gallery.database.transaction((queries) => storeGroups(queries, embedder, groupOf));
  return { groups, known: all.length - unknown.length };
}

async function withoutKnown(
  gallery: Gallery,
  embedder: GalleryEmbedder,
  backend: Backend,
  faces: readonly GroupableFace[],
  knownWithin: number,
): Promise<GroupableFace[]> {
  const search = new GallerySearch(gallery, embedder, backend, 'template');
  try {
    const { neighbours } = await search.nearest(
      faces.map(({ embedding }) => embedding),
      1,
    );
    return faces.filter((_, k) => !(neighbours[k].length > 0 && neighbours[k][0].distance <= knownWithin));
  } finally {
    search.dispose();
  }
}

/** Pairs of faces at most the threshold apart. */
async function neighboursAmong(
  backend: Backend,
  faces: readonly GroupableFace[],
  threshold: number,
  signal: AbortSignal | undefined,
): Promise<Edge[]> {
  if (faces.length === 0) return [];
  const dimension = faces[0].embedding.length;
  const flat = new Float32Array(faces.length * dimension);
  for (const [k, { embedding }] of faces.entries()) flat.set(embedding, k * dimension);
  const edges: Edge[] = [];
  const all = unscoped(() => Tensor.from(backend, flat, [faces.length, dimension]));
  const cosinesOf = (from: number, rows: number) => {
    using _ = scope();
    const some = Tensor.from(backend, flat.subarray(from * dimension, (from + rows) * dimension), [rows, dimension]);
    return matmul(some, all, undefined, { transposeRight: true }).data();
  };
  try {
    for (let from = 0; from < faces.length; from += ROWS_AT_ONCE) {
      signal?.throwIfAborted();
      const rows = Math.min(ROWS_AT_ONCE, faces.length - from);
      const cosines = await cosinesOf(from, rows);
      for (let row = 0; row < rows; row++)
        for (let other = 0; other < from + row; other++) {
          const distance = distanceOfCosine(cosines[row * faces.length + other]);
          if (distance <= threshold) edges.push({ a: from + row, b: other, weight: weightOf(distance, threshold) });
        }
    }
    return edges;
  } finally {
    all.dispose();
  }
}
