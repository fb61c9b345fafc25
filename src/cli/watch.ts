import { basename, resolve } from 'node:path';
import type { FacePipeline } from '../face/pipeline';
import { forgottenSoFar } from '../gallery/counters';
import type { GalleryEmbedder } from '../gallery/embedders';
import type { Gallery } from '../gallery/gallery';
import { Identifier } from '../gallery/identify';
import { isPhotoName, listedPhoto, listPhotos, readPhotoFile } from '../gallery/photo-files';
import { isWithheld, storePhoto } from '../gallery/photo-index';
import { tasksToDo } from '../gallery/photo-work';
import { openDevice } from '../tensor/device';
import type { GalleryPhotoOptions } from './gallery-options';
import { foundFace, openGallery, openWithGallery } from './gallery-pipeline';
import { detectOptions } from './options';
import { printJson, printLine, tell, tellError } from './output';
import { percent } from './verify';

export interface WatchOptions extends GalleryPhotoOptions {
  falseMatchRate: number;
  threshold?: number;
  exact?: boolean;
  index?: boolean;
}

/** A file counts as written when its size has not changed for so long. */
const MILLISECONDS_UNCHANGED = 400;

/** `likeness watch`: names the people on photos as they come, until it is stopped. */
export async function watch(folder: string, options: WatchOptions, signal: AbortSignal): Promise<void> {
  const present = await listPhotos(folder); // also tells that there is no such folder
  await using gallery = await openGallery(options, options.index === true);
  const opened = await openWithGallery(gallery, options);
  await using pipeline = opened.pipeline;
  const { embedder } = opened;
  const { backend } = await openDevice(options.device === 'reference' ? 'reference' : 'wasm', options);
  const { falseMatchRate, threshold, exact = false } = options;
  const identifier = await Identifier.open(gallery, backend, {
    isExact: exact,
    ...(threshold === undefined ? { falseMatchRate } : { threshold }),
  });
  const missed = options.index ? await tasksToDo(gallery.database, embedder, present) : [];
  await pipeline.prepare();
  try {
    for await (const path of newPhotos(
      resolve(folder),
      missed.map((photo) => photo.path),
      signal,
    )) {
      try {
        await look(path, { gallery, embedder, pipeline, identifier }, options, signal);
      } catch (error) {
        signal.throwIfAborted();
        tellError(error, options.debug);
      }
    }
  } finally {
    identifier.dispose();
    await backend.close();
  }
}

interface Looking {
  gallery: Gallery;
  embedder: GalleryEmbedder;
  pipeline: FacePipeline;
  identifier: Identifier;
}

async function look(
  path: string,
  { gallery, embedder, pipeline, identifier }: Looking,
  options: WatchOptions,
  signal: AbortSignal,
): Promise<void> {
  const forgotten = await forgottenSoFar(gallery.database);
  if (!(await listedPhoto(path))) return; // gone again
  const { file, ...photo } = await readPhotoFile(path);
  const faces = (await pipeline.embed(file, detectOptions(options, signal))).map(foundFace);
  const { answers } = await identifier.identify(
    faces.map(({ embedding }) => embedding),
    3,
  );
  if (options.index && !(await isWithheld(gallery.database, photo.content))) {
    // The size of the photo is not asked for: boxes are in pixels.
    await gallery.database.transaction((queries) => storePhoto(queries, embedder, photo, { faces }, forgotten));
  }
  const found = answers.map(({ person, top }, k) => ({ box: faces[k].box, name: person?.name ?? null, top }));
  if (options.json) return printJson({ file: path, faces: found });
  const names = answers.map(({ person }) =>
    person ? `${person.name} (${percent(person.probability)})` : 'somebody unknown',
  );
  printLine(`${path}: ${names.length > 0 ? names.join(', ') : 'nobody'}`);
}

/** The paths given, then those of photos that come into the folder, until the signal. */
async function* newPhotos(folder: string, first: readonly string[], signal: AbortSignal): AsyncGenerator<string> {
  const { watch: watchFiles } = await import('chokidar');
  const waiting = [...first];
  let wake = () => {};
  const watcher = watchFiles(folder, {
    ignoreInitial: true,
    ignored: (path, stats) => stats?.isFile() === true && !isPhotoName(basename(path)),
    awaitWriteFinish: { stabilityThreshold: MILLISECONDS_UNCHANGED, pollInterval: 100 },
  });
  const onNew = (path: string) => {
    waiting.push(path);
    wake();
  };
  watcher
    .on('add', onNew)
    .on('change', onNew)
    .on('ready', () => tell(`watching ${folder}; Ctrl-C ends it`))
    .on('error', (error) => tell(`${folder} cannot be watched: ${error instanceof Error ? error.message : error}`));
  signal.addEventListener('abort', () => wake(), { once: true });
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = waiting.shift();
      if (next !== undefined) yield next;
      else
        await new Promise<void>((done) => {
          wake = done;
          if (signal.aborted) done();
        });
    }
  } finally {
    await watcher.close();
  }
}
