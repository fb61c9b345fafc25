import { basename, join } from 'node:path';
import type { Gallery } from '../gallery/gallery';
import { enrollGroup } from '../gallery/groups';
import { listedPhoto, listPhotos, subfolders } from '../gallery/photo-files';
import { PhotoQueue, type PhotoTask } from '../gallery/photo-queue';
import { tasksToDo } from '../gallery/photo-work';
import { isFolder } from './files';
import type { GalleryPhotoOptions } from './gallery-options';
import { lookWith, openGallery, openWithGallery } from './gallery-pipeline';
import { printDevice, printJson, printTable, UserError } from './output';
import { problemsOf, tellOutcome, workVisibly } from './photo-outcomes';

export interface EnrollOptions extends GalleryPhotoOptions {
  name?: string;
  group?: number;
  minimumQuality: number;
}

/** `likeness enroll`: adds people, or photos of people, to a gallery. */
export async function enroll(paths: string[], options: EnrollOptions, signal: AbortSignal): Promise<void> {
  checkUse(paths, options);
  const listed = options.group === undefined ? await photosByPerson(paths, options.name) : new Map<string, string[]>();
  await using gallery = await openGallery(options, true);
  if (options.group !== undefined) return enrollFoundGroup(gallery, options.group, options);
  const opened = await openWithGallery(gallery, options);
  await using pipeline = opened.pipeline;
  const { embedder } = opened;
  const names = new Map<number, string>();
  const tasks: PhotoTask[] = [];
  for (const [name, files] of listed) {
    const personId = await gallery.personNamed(name);
    names.set(personId, name);
    for (const file of files) {
      const photo = await listedPhoto(file);
      if (photo) tasks.push({ ...photo, personId });
      else tellOutcome({ path: file, outcome: 'failed', faces: 0, reason: `${file} does not exist` });
    }
  }
  await using queue = await PhotoQueue.open(gallery.database, embedder);
  await queue.add(await tasksToDo(gallery.database, embedder, tasks));
  const { minimumQuality, progress } = options;
  const look = lookWith(pipeline, options, signal);
  const outcomes = await workVisibly(gallery, embedder, queue, look, { signal, minimumQuality, progress });
  const known = new Map((await gallery.people()).map((person) => [person.id, person]));
  const people = [...names].map(([id, name]) => ({
    name,
    added: outcomes.filter(({ personId, outcome }) => personId === id && outcome === 'done').length,
    faces: known.get(id)?.templates ?? 0,
    quality: known.get(id)?.quality ?? 0,
  }));
  if (options.json) return printJson({ people, problems: problemsOf(outcomes) });
  printTable(
    ['Person', 'Added', 'Known faces', 'Quality'],
    people.map(({ name, added, faces, quality }) => [name, added, faces, quality.toFixed(2)]),
  );
  printDevice(pipeline.device);
}

function checkUse(paths: readonly string[], { group, name }: EnrollOptions): void {
  if (group === undefined && paths.length === 0)
    throw new UserError('name a folder with a folder for each person, or photos of one person and --name');
  if (group !== undefined && (paths.length > 0 || name === undefined))
    throw new UserError('--group goes with --name, and without photos');
}

async function enrollFoundGroup(gallery: Gallery, group: number, { name = '', json }: EnrollOptions): Promise<void> {
  const added = await enrollGroup(gallery, group, name);
  if (json) printJson({ people: [{ name, added }], problems: [] });
  else printTable(['Person', 'Added'], [[name, added]]);
}

/** Names, each with files. @throws UserError for folders in which nobody is */
async function photosByPerson(paths: readonly string[], name: string | undefined): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  const add = (person: string, files: string[]) => found.set(person, [...(found.get(person) ?? []), ...files]);
  for (const path of paths) {
    const isOne = await isFolder(path);
    if (name !== undefined) add(name, isOne ? (await listPhotos(path)).map((photo) => photo.path) : [path]);
    else if (isOne)
      for (const person of await subfolders(path))
        add(
          person,
          (await listPhotos(join(path, person))).map((photo) => photo.path),
        );
    else throw new UserError(`${path} is no folder; whose photo is it? --name says so`);
  }
  if (found.size === 0)
    throw new UserError(
      `there is no folder in ${paths.join(', ')}; each person has one: ${basename(paths[0])}/Ada/1.jpg (or --name Ada)`,
    );
  return found;
}
