import { type EmbeddedFace, FacePipeline } from '../face/pipeline';
import type { EmbedderDescription } from '../gallery/embedders';
import { type FoundFace, Gallery } from '../gallery/gallery';
import type { LookAtPhotos } from '../gallery/photo-work';
import type { GalleryPhotoOptions } from './gallery-options';
import { detectOptions, pipelineOptions } from './options';
import { tell } from './output';

/** @param isMade whether to make a gallery where there is none */
export const openGallery = ({ gallery }: { gallery: string }, isMade = false): Promise<Gallery> =>
  Gallery.open(gallery, {
    isMade,
    onWaiting: (holder) => tell(`${gallery} is in use by ${holder}; waiting for it`),
  });

/** A pipeline that embeds as the gallery's embeddings were made, as far as the options leave that open. */
export async function openForGallery(gallery: Gallery, options: GalleryPhotoOptions) {
  const known = await gallery.embedder();
  const isFlipped = options.flip && (known?.isFlipped ?? true);
  const aligner = options.aligner ?? known?.aligner ?? 'sixty-eight';
  const pipeline = await FacePipeline.open(pipelineOptions({ ...options, flip: isFlipped, aligner }));
  const description: EmbedderDescription = { ...pipeline.model, isFlipped, aligner };
  return { pipeline, description };
}

/** The same, for embeddings that are to be compared with those of the gallery. @throws GalleryError where they cannot be */
export async function openWithGallery(gallery: Gallery, options: GalleryPhotoOptions) {
  const { pipeline, description } = await openForGallery(gallery, options);
  try {
    const embedder = await gallery.requireEmbedder(description, await pipeline.calibration());
    return { pipeline, embedder };
  } catch (error) {
    await pipeline[Symbol.asyncDispose]();
    throw error;
  }
}

export const lookWith = (pipeline: FacePipeline, options: GalleryPhotoOptions, signal: AbortSignal): LookAtPhotos =>
  async function* (photos) {
    for await (const { width, height, faces, error } of pipeline.embedAll(photos, detectOptions(options, signal)))
      yield {
        ...(width !== undefined && { width }),
        ...(height !== undefined && { height }),
        ...(faces && { faces: faces.map(foundFace) }),
        ...(error && { error }),
      };
  };

export const foundFace = ({ box, score, quality, embedding }: EmbeddedFace): FoundFace => ({
  box,
  score,
  quality: quality.score,
  embedding,
});
