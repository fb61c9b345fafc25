import type { ComparedBy } from '../gallery/embedding-matrix';
import { type GalleryAnswer, type Identified, Identifier } from '../gallery/identify';
import { openDevice } from '../tensor/device';
import type { GalleryPhotoOptions } from './gallery-options';
import { openGallery, openWithGallery } from './gallery-pipeline';
import { detectOptions } from './options';
import { printDevice, printJson, printLine, printTable, UserError } from './output';
import { forEachPhoto, isFailure, tellNoFace, workOnEachPhoto } from './photos';
import { percent } from './verify';

export interface IdentifyOptions extends GalleryPhotoOptions {
  aligned?: boolean;
  falseMatchRate: number;
  threshold?: number;
  exact?: boolean;
  by: ComparedBy;
}

/**
 * `likeness identify`: who each face is. With a gallery one of its people, or nobody it knows; with nothing but a model,
 * one of those that the model was trained on.
 *
 * @param isGalleryNamed whether the gallery was asked for, and is not the default
 */
export async function identify(
  files: string[],
  options: IdentifyOptions,
  isGalleryNamed: boolean,
  signal: AbortSignal,
): Promise<void> {
  const isClosedSet = options.model !== undefined && !isGalleryNamed;
  if (isClosedSet) return identifyByModel(files, options, signal);
  if (options.aligned) throw new UserError('--aligned goes with --model and without --gallery');
  return identifyInGallery(files, options, signal);
}

async function identifyInGallery(files: string[], options: IdentifyOptions, signal: AbortSignal): Promise<void> {
  await using gallery = await openGallery(options);
  if (!(await gallery.embedder()))
    throw new UserError(`the gallery ${gallery.place} knows nobody yet; likeness enroll adds people`);
  const opened = await openWithGallery(gallery, options);
  await using pipeline = opened.pipeline;
  const { backend } = await openDevice(options.device === 'reference' ? 'reference' : 'wasm', options);
  const { falseMatchRate, threshold, exact = false, by } = options;
  const identifier = await Identifier.open(gallery, backend, {
    by,
    isExact: exact,
    ...(threshold === undefined ? { falseMatchRate } : { threshold }),
  });
  let last: Identified | undefined;
  try {
    const results = await workOnEachPhoto(files, options, signal, async (photo, file) => {
      const faces = await pipeline.embed(photo, detectOptions(options, signal));
      if (faces.length === 0) tellNoFace(file);
      last = await identifier.identify(faces.map(({ embedding }) => embedding));
      const { answers } = last;
      return {
        file,
        threshold: last.threshold,
        faces: faces.map(({ box }, k) => ({ box, ...namedAnswer(answers[k]) })),
      };
    });
    if (options.json) return printJson(results);
    printTable(
      ['Photo', 'Name', 'Distance', 'Probability', 'Or'],
      results.flatMap((result) =>
        isFailure(result)
          ? []
          : result.faces.map(({ name, top }, k) => {
              const others = name === null ? top : top.slice(1);
              const near = others.slice(0, 2).map((other) => `${other.name} ${other.distance.toFixed(3)}`);
              const distance = name === null ? '' : top[0].distance.toFixed(3);
              const probability = name === null ? '' : percent(top[0].probability);
              return [k === 0 ? result.file : '', name ?? 'unknown', distance, probability, near.join(', ')];
            }),
      ),
    );
    if (last) printThreshold(last, options);
    printDevice(pipeline.device);
  } finally {
    identifier.dispose();
    await backend.close();
  }
}

/** `name` is null for somebody the gallery does not know. */
const namedAnswer = ({ person, top }: GalleryAnswer) => ({ name: person?.name ?? null, top });

function printThreshold({ threshold, compared, chosen }: Identified, { falseMatchRate }: IdentifyOptions): void {
  const why = chosen
    ? `: of faces nobody knows, at most ${(100 * falseMatchRate).toPrecision(2)} % are given a name` +
      (chosen.isExtrapolated
        ? `, by a line drawn on beyond what was measured (${chosen.origin})`
        : ` (measured on ${chosen.origin})`)
    : '';
  printLine(`Known are faces nearer than ${threshold.toFixed(3)}, among ${compared} of the gallery${why}.`);
}

/** Which of the people that a model was trained on each face shows. */
async function identifyByModel(files: string[], options: IdentifyOptions, signal: AbortSignal): Promise<void> {
  const { aligned = false } = options;
  const { results, device } = await forEachPhoto(files, options, signal, async (pipeline, photo, file) => {
    const faces = await pipeline.identify(photo, { ...detectOptions(options, signal), aligned });
    if (faces.length === 0) tellNoFace(file);
    return { file, faces };
  });
  if (options.json) return printJson(results);
  printTable(
    ['Photo', 'Name', 'Probability', 'Or'],
    results.flatMap((result) =>
      isFailure(result)
        ? []
        : result.faces.map(({ name, probability, top: [, ...others] }, index) => [
            index === 0 ? result.file : '',
            name,
            percent(probability),
            others
              .slice(0, 2)
              .map((other) => `${other.name} ${percent(other.probability)}`)
              .join(', '),
          ]),
    ),
  );
  printDevice(device);
}
