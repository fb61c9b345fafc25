import { listPhotos } from '../gallery/photo-files';
import { indexSize } from '../gallery/photo-index';
import { PhotoQueue } from '../gallery/photo-queue';
import { tasksToDo } from '../gallery/photo-work';
import type { GalleryPhotoOptions } from './gallery-options';
import { lookWith, openGallery, openWithGallery } from './gallery-pipeline';
import { printDevice, printJson, printLine } from './output';
import { problemsOf, workVisibly } from './photo-outcomes';

export type IndexOptions = GalleryPhotoOptions;

/** `likeness index`: all faces of a collection of photos. */
export async function indexPhotos(folders: string[], options: IndexOptions, signal: AbortSignal): Promise<void> {
  const photos = (await Promise.all(folders.map(listPhotos))).flat();
  await using gallery = await openGallery(options, true);
  const opened = await openWithGallery(gallery, options);
  await using pipeline = opened.pipeline;
  const { embedder } = opened;
  await using queue = await PhotoQueue.open(gallery.database, embedder);
  const todo = await tasksToDo(gallery.database, embedder, photos);
  await queue.add(todo);
  const look = lookWith(pipeline, options, signal);
  const outcomes = await workVisibly(gallery, embedder, queue, look, { signal, progress: options.progress });
  const done = outcomes.filter(({ outcome }) => outcome === 'done');
  const faces = done.reduce((sum, outcome) => sum + outcome.faces, 0);
  const size = await indexSize(gallery.database, embedder.id);
  const problems = problemsOf(outcomes);
  if (options.json)
    return printJson({ done: done.length, faces, alreadyDone: photos.length - todo.length, index: size, problems });
  printLine(
    `${done.length} photos with ${faces} faces are new; ${photos.length - todo.length} were done already. ` +
      `The index holds ${size.photos} photos with ${size.faces} faces.`,
  );
  printDevice(pipeline.device);
}
