/* What kills.test.ts kills: it works on a gallery, and says on stdout what it was told is done. */
import { setTimeout } from 'node:timers/promises';
import type { GalleryEmbedder } from '../../src/gallery/embedders';
import { Gallery } from '../../src/gallery/gallery';
import { listPhotos } from '../../src/gallery/photo-files';
import { PhotoQueue } from '../../src/gallery/photo-queue';
import { tasksToDo, workOnPhotos } from '../../src/gallery/photo-work';
import { CALIBRATION, EMBEDDER, lookAt } from './faces';

const [home, folder, mode] = process.argv.slice(2);
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

const gallery = await Gallery.open(home);
const embedder = await gallery.requireEmbedder(EMBEDDER, CALIBRATION);
say({ state: await stateOf(gallery, embedder) });
if (mode === 'migrate') await migrateForEver();
else if (mode === 'work') await work();
await gallery.close();
say({ finished: true });

/** Everything that is stored, and whether what belongs together is together. */
async function stateOf({ database }: Gallery, { id }: GalleryEmbedder) {
  const photos = await database.query<{ path: string; faces: number }>(
    `SELECT path, count(face.id)::int AS faces FROM likeness.photo LEFT JOIN likeness.face ON photo_id = photo.id
     WHERE photo.embedder_id = $1 GROUP BY path`,
    [id],
  );
  const templates = await database.query<{ source: string }>('SELECT source FROM likeness.template');
  const [{ wrong }] = await database.query<{ wrong: number }>(
    'SELECT count(*)::int AS wrong FROM likeness.face WHERE array_length(embedding, 1) <> $1',
    [EMBEDDER.dimension],
  );
  return { photos, templates: templates.map(({ source }) => source), wrong };
}

/** The photos of the folder `people` are of Ada, all others go to the index. */
async function work() {
  const ada = await gallery.personNamed('Ada');
  await using queue = await PhotoQueue.open(gallery.database, embedder);
  const tasks = (await listPhotos(folder)).map((photo) =>
    photo.path.includes('/people/') ? { ...photo, personId: ada } : photo,
  );
  await queue.add(await tasksToDo(gallery.database, embedder, tasks));
  say({ ready: true });
  await workOnPhotos(gallery, embedder, queue, (photos) => lookAt(photos, () => setTimeout(10)), {
    onPhoto: ({ path, outcome }) => say({ path, outcome }),
  });
}

/** Makes the tables of a gallery anew, again and again: a kill meets a migration. */
async function migrateForEver(): Promise<never> {
  say({ ready: true });
  for (;;) {
    await gallery.database.run('DROP SCHEMA likeness CASCADE');
    await Gallery.on(gallery.database);
  }
}
