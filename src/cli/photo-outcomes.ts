import type { GalleryEmbedder } from '../gallery/embedders';
import type { Gallery } from '../gallery/gallery';
import type { PhotoQueue } from '../gallery/photo-queue';
import { type LookAtPhotos, type PhotoOutcome, type WorkOptions, workOnPhotos } from '../gallery/photo-work';
import { EXIT, startProgress, tell } from './output';

/** Works until no photo is left, with a progress bar, and tells what did not end well. */
export async function workVisibly(
  gallery: Gallery,
  embedder: GalleryEmbedder,
  queue: PhotoQueue,
  look: LookAtPhotos,
  { progress: wanted, ...options }: Omit<WorkOptions, 'onPhoto'> & { progress: boolean },
): Promise<PhotoOutcome[]> {
  const progress = await startProgress(await queue.remaining(), wanted);
  const outcomes: PhotoOutcome[] = [];
  const onPhoto = (outcome: PhotoOutcome) => {
    progress.advance();
    outcomes.push(outcome);
    tellOutcome(outcome);
  };
  await workOnPhotos(gallery, embedder, queue, look, { ...options, onPhoto }).finally(() => progress.stop());
  return outcomes;
}

/** Tells what did not end well; only what could not be read is an error. */
export function tellOutcome({ path, outcome, reason }: PhotoOutcome): void {
  if (outcome === 'gone') tell(`${path} is of somebody who was forgotten meanwhile, and is left out`);
  else if (reason !== undefined) tell(reason);
  if (outcome === 'failed') process.exitCode = EXIT.error;
}

/** The photos that did not end well, for a JSON document. */
export const problemsOf = (outcomes: readonly PhotoOutcome[]): { file: string; error: string }[] =>
  outcomes.flatMap(({ path, reason }) => (reason === undefined ? [] : [{ file: path, error: reason }]));
