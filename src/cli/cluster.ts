import { resolve } from 'node:path';
import { FALSE_NEIGHBOURS } from '../gallery/chinese-whispers';
import { clusterFaces } from '../gallery/cluster';
import { thresholdOf } from '../gallery/identify';
import { listPhotos } from '../gallery/photo-files';
import { PhotoQueue } from '../gallery/photo-queue';
import { tasksToDo, workOnPhotos } from '../gallery/photo-work';
import { openDevice } from '../tensor/device';
import type { GalleryPhotoOptions } from './gallery-options';
import { lookWith, openGallery, openWithGallery } from './gallery-pipeline';
import { printJson, printLine, printTable, startProgress } from './output';
import { tellOutcome } from './photo-outcomes';

export interface ClusterOptions extends GalleryPhotoOptions {
  threshold?: number;
  seed: number;
}

const MOST_NAMED = 3;

/** `likeness cluster`: groups the unknown faces of a folder. */
export async function cluster(folder: string, options: ClusterOptions, signal: AbortSignal): Promise<void> {
  const photos = await listPhotos(folder);
  await using gallery = await openGallery(options, true);
  const opened = await openWithGallery(gallery, options);
  await using pipeline = opened.pipeline;
  const { embedder } = opened;
  {
    await using queue = await PhotoQueue.open(gallery.database, embedder);
    await queue.add(await tasksToDo(gallery.database, embedder, photos));
    const progress = await startProgress(await queue.remaining(), options.progress);
    try {
      await workOnPhotos(gallery, embedder, queue, lookWith(pipeline, options, signal), {
        signal,
        onPhoto: (outcome) => {
          progress.advance();
          tellOutcome(outcome);
        },
      });
    } finally {
      progress.stop();
    }
  }
  const threshold = options.threshold ?? thresholdOf(embedder, FALSE_NEIGHBOURS).threshold;
  const { backend } = await openDevice(options.device === 'reference' ? 'reference' : 'wasm', options);
  try {
    const { groups, known } = await clusterFaces(gallery, embedder, backend, resolve(folder), {
      threshold,
      knownWithin: threshold,
      seed: options.seed,
      signal,
    });
    if (options.json) return printJson({ threshold, known, groups });
    printTable(
      ['Group', 'Faces', 'Photos'],
      groups.map(({ number, faces }) => {
        const paths = [...new Set(faces.map(({ path }) => path))];
        const more = paths.length > MOST_NAMED ? ` and ${paths.length - MOST_NAMED} more` : '';
        return [number, faces.length, paths.slice(0, MOST_NAMED).join(', ') + more];
      }),
    );
    printLine(
      `${known} faces are of people whom the gallery knows. A name for a group: likeness enroll --group 1 --name Ada`,
    );
  } finally {
    await backend.close();
  }
}
