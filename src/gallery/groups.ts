import { parseRealArray } from './database';
import { GalleryError } from './embedders';
import { addTemplates, type Gallery, parseBox } from './gallery';

/**
 * Makes the faces of a group that clusterFaces() found templates of a person.
 * @returns how many were added
 * @throws GalleryError when there is no such group
 */
export async function enrollGroup(gallery: Gallery, group: number, name: string): Promise<number> {
  const embedder = await gallery.embedder();
  const faces = embedder
    ? await gallery.database.query<{
        path: string;
        stamp: string;
        content: string;
        box: string;
        quality: number;
        embedding: string;
      }>(
        `SELECT path, stamp, content, box, quality, embedding::text
         FROM likeness.face JOIN likeness.photo ON photo_id = photo.id
         WHERE face.embedder_id = $1 AND group_number = $2 ORDER BY face.id`,
        [embedder.id, group],
      )
    : [];
  if (!embedder || faces.length === 0)
    throw new GalleryError(`there is no group ${group}; likeness cluster FOLDER finds groups and tells their numbers`);
  const personId = await gallery.personNamed(name);
  return gallery.database.transaction((queries) =>
    addTemplates(
      queries,
      embedder,
      faces.map(({ box, embedding, ...photo }) => ({
        ...photo,
        personId,
        box: parseBox(box),
        embedding: parseRealArray(embedding),
      })),
    ),
  );
}
