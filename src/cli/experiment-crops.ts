import { readFile } from 'node:fs/promises';
import { type BoxCrop, chipTransform, type Template } from '../face/align';
import type { Embedder } from '../face/embed';
import { type ConditionAt, changed, type KnownFace } from '../face/embedding-cache';
import type { Embeddings } from '../face/evaluate';
import { type RawImage, readImage } from '../face/image';
import { cutChip } from '../face/warp';
import type { Backend } from '../kernels/backend';

/** What a network makes of the same faces, by file. */
export interface BothEmbeddings {
  unmasked: Embeddings;
  masked: Embeddings;
}

/** Photos whose faces are embedded together. */
const BATCH = 16;

/**
 * What networks make of the same faces with and without drawn masks. Faces are cut by the landmarks of the photo without
 * a mask, so that the networks alone are compared, and not what finds faces.
 *
 * @param known the face of each file that has one, by its landmarks
 * @param masks how masks are drawn
 * @param onPhotos hears of how many photos are done
 */
export async function embedWithMasks(
  backend: Backend,
  embedders: readonly Embedder[],
  known: ReadonlyMap<string, Pick<KnownFace, 'landmarks'>>,
  masks: ConditionAt,
  { onPhoto, signal }: { onPhoto: () => void; signal: AbortSignal },
): Promise<BothEmbeddings[]> {
  const results = embedders.map(() => ({
    unmasked: new Map<string, { embedding: Float32Array }>(),
    masked: new Map<string, { embedding: Float32Array }>(),
  }));
  const templates = new Set(embedders.map(({ template }) => aligned(template)));
  const faces = [...known];
  for (let first = 0; first < faces.length; first += BATCH) {
    const batch = faces.slice(first, first + BATCH);
    const photos: { unmasked: RawImage; masked: RawImage }[] = [];
    for (const [file, { landmarks }] of batch) {
      signal.throwIfAborted();
      const bytes = await readFile(file);
      const source = new File([Uint8Array.from(bytes)], file);
      photos.push({
        unmasked: await readImage(source),
        masked: await readImage(await changed(source, landmarks, masks, bytes)),
      });
    }
    for (const template of templates)
      for (const kind of ['unmasked', 'masked'] as const) {
        const chips = await Promise.all(
          photos.map((photo, k) =>
            cutChip(backend, photo[kind], chipTransform(batch[k][1].landmarks, template), template.side),
          ),
        );
        for (const [k, embedder] of embedders.entries()) {
          if (embedder.template !== template) continue;
          const found = await embedder.embedChips(chips, true);
          for (const [place, { embedding }] of found.entries()) results[k][kind].set(batch[place][0], { embedding });
        }
      }
    for (const _ of batch) onPhoto();
  }
  return results;
}

function aligned(template: Template | BoxCrop): Template {
  if ('margin' in template) throw new Error('only networks of aligned faces can be compared so');
  return template;
}
