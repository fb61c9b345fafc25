import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { thresholdOf } from '../gallery/identify';
import { exportLines, importLines } from '../gallery/json-lines';
import { buildNearestIndex, hasNearestIndex } from '../gallery/nearest-index';
import { indexSize } from '../gallery/photo-index';
import { reEmbed } from '../gallery/re-embed';
import { VECTOR_TABLES } from '../gallery/vectors';
import type { GalleryOptions, GalleryPhotoOptions } from './gallery-options';
import { lookWith, openForGallery, openGallery } from './gallery-pipeline';
import { printDevice, printJson, printLine, printTable, startProgress, tell, UserError } from './output';

/** `likeness gallery list`. */
export async function list(options: GalleryOptions): Promise<void> {
  await using gallery = await openGallery(options);
  const [people, embedder] = [await gallery.people(), await gallery.embedder()];
  const index = embedder ? await indexSize(gallery.database, embedder.id) : { photos: 0, faces: 0 };
  const isIndexed = embedder !== undefined && (await hasNearestIndex(gallery.database, 'template', embedder));
  if (options.json) {
    const { id: _, ...description } = embedder ?? { id: 0 };
    return printJson({ place: gallery.place, people, index, embedder: embedder ? description : null, isIndexed });
  }
  printTable(
    ['Person', 'Faces', 'Quality'],
    people.map(({ name, templates, quality }) => [name, templates, quality.toFixed(2)]),
  );
  printLine(
    `${people.length} people, and ${index.photos} photos with ${index.faces} faces in the index, in ${gallery.place}` +
      (embedder ? ` (${embedder.name}, ${embedder.dimension} numbers a face).` : '.'),
  );
}

/** `likeness gallery forget`. */
export async function forget(name: string, options: GalleryOptions & { threshold?: number }): Promise<void> {
  await using gallery = await openGallery(options);
  const embedder = await gallery.embedder();
  const { faces } = embedder ? await indexSize(gallery.database, embedder.id) : { faces: 0 };
  const threshold =
    options.threshold ?? (embedder && faces > 0 ? thresholdOf(embedder, Math.min(1, 1 / faces)).threshold : 0);
  const erased = await gallery.forget(name, threshold);
  if (options.json) return printJson({ name, ...erased, threshold });
  printLine(
    `${name} is forgotten: ${erased.templates} faces, and ${erased.faces} of the index that look like ${name}` +
      `${faces > 0 ? ` (nearer than ${threshold.toFixed(3)})` : ''}. The photos themselves are where they were.`,
  );
  if (gallery.database.home === 'server')
    tell('what backups, replicas and the log of the server hold is erased as the server is set up to');
}

/** `likeness gallery merge`. */
export async function merge(name: string, into: string, options: GalleryOptions): Promise<void> {
  await using gallery = await openGallery(options);
  await gallery.merge(name, into);
  if (options.json) return printJson({ merged: name, into });
  printLine(`${name} is ${into} now.`);
}

/** `likeness gallery rename`. */
export async function renamePerson(name: string, to: string, options: GalleryOptions): Promise<void> {
  await using gallery = await openGallery(options);
  await gallery.rename(name, to);
  if (options.json) return printJson({ renamed: name, to });
  printLine(`${name} is called ${to} now.`);
}

/** `likeness gallery export`: a file that is whole or not there, readable for its owner only. */
export async function exportTo(path: string, options: GalleryOptions): Promise<void> {
  await using gallery = await openGallery(options);
  if (path === '-') {
    if (options.json) throw new UserError('--json goes with a file: on stdout are the lines of the export');
    for await (const line of exportLines(gallery)) process.stdout.write(line);
    return;
  }
  const temporary = join(dirname(path), `.likeness-export-${process.pid}`);
  let templates = -1; // the first line is none
  try {
    const file = await open(temporary, 'wx', 0o600).catch((error) => {
      throw new UserError(`${path} cannot be written: ${error instanceof Error ? error.message : error}`);
    });
    try {
      for await (const line of exportLines(gallery)) {
        await file.write(line);
        templates++;
      }
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  if (options.json) return printJson({ file: path, templates });
  printLine(`${templates} faces are written to ${path}, which is as private as the gallery.`);
}

/** `likeness gallery import`. */
export async function importFrom(path: string, options: GalleryOptions): Promise<void> {
  const input = path === '-' ? process.stdin : await openFile(path);
  await using gallery = await openGallery(options, true);
  const { added, read } = await importLines(gallery, input);
  if (options.json) return printJson({ added, read });
  printLine(`${added} of ${read} faces are new.`);
}

/** `likeness gallery re-embed`. */
export async function reEmbedAll(
  options: GalleryPhotoOptions & { leaveOutLost?: boolean },
  signal: AbortSignal,
): Promise<void> {
  await using gallery = await openGallery(options);
  const opened = await openForGallery(gallery, options);
  await using pipeline = opened.pipeline;
  let progress: Awaited<ReturnType<typeof startProgress>> | undefined;
  try {
    const result = await reEmbed(
      gallery,
      opened.description,
      await pipeline.calibration(),
      lookWith(pipeline, options, signal),
      {
        signal,
        isLossAccepted: options.leaveOutLost === true,
        onStart: async (total) => {
          progress = await startProgress(total, options.progress);
        },
        onPhoto: () => progress?.advance(),
      },
    );
    for (const { reason } of result.lost) tell(`left out: ${reason}`);
    if (options.json) return printJson(result);
    printLine(`${result.templates} faces of people and ${result.faces} of the index are made anew.`);
    printDevice(pipeline.device);
  } finally {
    progress?.stop();
  }
}

/** `likeness gallery build-index`. */
export async function buildIndex(options: GalleryOptions): Promise<void> {
  await using gallery = await openGallery(options);
  const embedder = await gallery.embedder();
  if (!embedder) throw new UserError(`the gallery ${gallery.place} is empty; there is nothing to build an index of`);
  const started = performance.now();
  for (const table of VECTOR_TABLES) await buildNearestIndex(gallery.database, table, embedder);
  const seconds = (performance.now() - started) / 1000;
  if (options.json) return printJson({ tables: VECTOR_TABLES, seconds });
  printLine(`The index was built in ${seconds.toFixed(1)} s; searches use it from now on, unless with --exact.`);
}

async function openFile(path: string) {
  const file = await open(path).catch(() => {
    throw new UserError(`${path} cannot be read; likeness gallery export writes such a file`);
  });
  return createReadStream(path, { fd: file });
}
