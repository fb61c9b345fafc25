import type { Backend } from '../kernels/backend';
import { GalleryError } from './embedders';
import type { SearchThreshold } from './false-matches';
import type { Gallery } from './gallery';
import { thresholdOf } from './identify';
import { facesById, type IndexedFace, indexSize } from './photo-index';
import { GallerySearch } from './search';

export interface FindOptions {
  /** How many photos of strangers may come up in a search, on average. Default 1. */
  strangers?: number;
  /** The largest distance that counts, in place of the one that follows from that and the size of the index. */
  threshold?: number;
  /** Compare with all, also where there is an index. */
  isExact?: boolean;
  /** At most so many photos. Default 100. */
  count?: number;
}

export interface FoundPhoto extends Omit<IndexedFace, 'id' | 'group'> {
  distance: number;
}

export interface Found {
  /** Of each probe the photos with a face near enough, the nearest first. */
  photos: FoundPhoto[][];
  threshold: number;
  chosen?: SearchThreshold;
  /** Faces in the index. */
  compared: number;
}

/**
 * The photos of the index that show the person of each of some faces.
 * @throws GalleryError when nothing was indexed
 */
export async function findPhotos(
  gallery: Gallery,
  backend: Backend,
  probes: readonly Float32Array[],
  { strangers = 1, threshold: given, isExact = false, count = 100 }: FindOptions = {},
): Promise<Found> {
  const embedder = await gallery.embedder();
  const faces = embedder ? (await indexSize(gallery.database, embedder.id)).faces : 0;
  if (!embedder || faces === 0)
    throw new GalleryError(`the gallery ${gallery.place} has no photos in its index; likeness index FOLDER adds them`);
  const chosen = given === undefined ? thresholdOf(embedder, Math.min(1, strangers / faces)) : undefined;
  const threshold = given ?? chosen?.threshold ?? 0;
  const search = new GallerySearch(gallery, embedder, backend, 'face', { isExact });
  try {
    const { neighbours, compared } = await search.nearest(probes, count);
    const near = neighbours.map((list) => list.filter(({ distance }) => distance <= threshold));
    const known = await facesById(
      gallery.database,
      near.flatMap((list) => list.map(({ id }) => id)),
    );
    const photos = near.map((list) =>
      list.flatMap(({ id, distance }) => {
        const face = known.get(id);
        if (!face) return []; // erased since the search
        const { path, box, score, quality } = face;
        return [{ path, box, score, quality, distance }];
      }),
    );
    return { photos, threshold, compared, ...(chosen && { chosen }) };
  } finally {
    search.dispose();
  }
}
