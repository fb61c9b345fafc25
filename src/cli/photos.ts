import { type RawImage, readImage } from '../face/image';
import { FacePipeline } from '../face/pipeline';
import { type EmbedderOptions, type PhotoOptions, pipelineOptions } from './options';
import { startProgress, tell, tellError } from './output';

/** A photo that could not be done, and the sentence that says why. */
export interface Failure {
  file: string;
  error: string;
}

export const isFailure = (result: object): result is Failure => 'error' in result;

/**
 * Opens a pipeline and does some work for each photo: see workOnEachPhoto().
 *
 * @throws Error when there is no such device, when options.model is no model, or when `signal` says stop
 */
export async function forEachPhoto<Result extends { file: string }>(
  files: readonly string[],
  options: PhotoOptions & EmbedderOptions & { flip?: boolean },
  signal: AbortSignal,
  work: (pipeline: FacePipeline, photo: RawImage, file: string) => Promise<Result>,
): Promise<{ results: (Result | Failure)[]; device: FacePipeline['device']; model: FacePipeline['model'] }> {
  const first = startReading(files[0]); // while the device is opened
  await using pipeline = await FacePipeline.open(pipelineOptions(options));
  const results = await workOnEachPhoto(files, options, signal, (photo, file) => work(pipeline, photo, file), first);
  return { results, device: pipeline.device, model: pipeline.model };
}

/**
 * Does some work for each photo, while the next photo is already being read. A photo that cannot be done is told on
 * stderr and becomes a `Failure`; the others are still done.
 *
 * @param first the pixels of the first photo, where they are being read already
 * @throws Error when `signal` says stop
 */
export async function workOnEachPhoto<Result extends { file: string }>(
  files: readonly string[],
  options: { progress: boolean; debug: boolean },
  signal: AbortSignal,
  work: (photo: RawImage, file: string) => Promise<Result>,
  first = startReading(files[0]),
): Promise<(Result | Failure)[]> {
  let next = first;
  const progress = await startProgress(files.length, options.progress);
  const results: (Result | Failure)[] = [];
  try {
    for (const [index, file] of files.entries()) {
      const current = next;
      if (index + 1 < files.length) next = startReading(files[index + 1]);
      try {
        results.push(await work(await current, file));
      } catch (error) {
        signal.throwIfAborted();
        results.push({ file, error: tellError(error, options.debug) });
      }
      signal.throwIfAborted();
      progress.advance();
    }
  } finally {
    progress.stop();
  }
  return results;
}

/** The pixels to come; that they may fail is found out when they are awaited. */
function startReading(file: string): Promise<RawImage> {
  const photo = readImage(file);
  photo.catch(() => undefined);
  return photo;
}

/** That a photo shows nobody is an answer, and no error; the exit code stays as it is. */
export function tellNoFace(file: string) {
  tell(`${file} shows no face that can be found`);
}
