import { mostProminent } from '../face/boxes';
import { findPhotos } from '../gallery/find';
import { openDevice } from '../tensor/device';
import type { GalleryPhotoOptions } from './gallery-options';
import { foundFace, openGallery, openWithGallery } from './gallery-pipeline';
import { detectOptions } from './options';
import { printDevice, printJson, printLine, printTable, UserError } from './output';
import { isFailure, tellNoFace, workOnEachPhoto } from './photos';

export interface FindCommandOptions extends GalleryPhotoOptions {
  strangers: number;
  threshold?: number;
  exact?: boolean;
  count: number;
}

/** `likeness find`: the photos of the index with the person of each photo. */
export async function find(files: string[], options: FindCommandOptions, signal: AbortSignal): Promise<void> {
  await using gallery = await openGallery(options);
  if (!(await gallery.embedder()))
    throw new UserError(`the gallery ${gallery.place} is empty; likeness index FOLDER adds photos`);
  const opened = await openWithGallery(gallery, options);
  await using pipeline = opened.pipeline;
  const { backend } = await openDevice(options.device === 'reference' ? 'reference' : 'wasm', options);
  try {
    const results = await workOnEachPhoto(files, options, signal, async (photo, file) => {
      const faces = (await pipeline.embed(photo, detectOptions(options, signal))).map(foundFace);
      const [face] = mostProminent(photo, faces);
      if (!face) {
        tellNoFace(file);
        return { file, photos: [] };
      }
      const { strangers, threshold, exact = false, count } = options;
      const found = await findPhotos(gallery, backend, [face.embedding], {
        strangers,
        isExact: exact,
        count,
        ...(threshold !== undefined && { threshold }),
      });
      return { file, ...found, photos: found.photos[0] };
    });
    if (options.json) return printJson(results);
    const rows = results.flatMap((result) =>
      isFailure(result)
        ? []
        : result.photos.map(({ path, box, distance, quality }, k) => [
            k === 0 ? result.file : '',
            path,
            distance.toFixed(3),
            box.map((length) => length.toFixed(0)).join(', '),
            quality.toFixed(2),
          ]),
    );
    if (rows.length > 0) printTable(['Person on', 'Is on', 'Distance', 'Box', 'Quality'], rows);
    else printLine('No photo of the index shows such a person.');
    for (const result of results.slice(0, 1))
      if (!isFailure(result) && 'threshold' in result)
        printLine(
          `Faces as near as ${result.threshold.toFixed(3)}, of ${result.compared} in the index` +
            (options.threshold === undefined
              ? `: about ${options.strangers} of somebody else are to be expected (--strangers).`
              : '.'),
        );
    printDevice(pipeline.device);
  } finally {
    await backend.close();
  }
}
