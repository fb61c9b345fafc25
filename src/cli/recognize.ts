import { join, parse, resolve } from 'node:path';
import { mostProminent } from '../face/boxes';
import { FacePipeline } from '../face/pipeline';
import { euclideanDistance, NO_THRESHOLD } from '../face/verify';
import { type ListedPhoto, listPhotos } from '../gallery/photo-files';
import { isFolder } from './files';
import { detectOptions, type EmbedOptions, pipelineOptions } from './options';
import { printJson, printLine, tell, UserError } from './output';
import { type Failure, isFailure, workOnEachPhoto } from './photos';

export interface RecognizeOptions extends EmbedOptions {
  tolerance?: number;
  showDistance?: boolean;
}

interface Line {
  file: string;
  name: string;
  distance?: number;
}

/** As face_recognition says it. */
const [UNKNOWN, NOBODY] = ['unknown_person', 'no_persons_found'];

/** `likeness recognize`: what the command face_recognition prints, so that what reads it goes on working. */
export async function recognize(
  knownFolder: string,
  unknown: string,
  options: RecognizeOptions,
  signal: AbortSignal,
): Promise<void> {
  const knownFiles = directlyIn(knownFolder, await listPhotos(knownFolder));
  if (knownFiles.length === 0) throw new UserError(`${knownFolder} holds no photo; known/Ada.jpg shows Ada`);
  const files = (await isFolder(unknown)) ? directlyIn(unknown, await listPhotos(unknown)) : [unknown];
  await using pipeline = await FacePipeline.open(pipelineOptions(options));
  const tolerance = options.tolerance ?? (await pipeline.calibration())?.threshold;
  if (tolerance === undefined) throw new UserError(NO_THRESHOLD);
  const facesOf = (photo: Parameters<FacePipeline['embed']>[0]) =>
    pipeline.embed(photo, detectOptions(options, signal));

  const known: { name: string; embedding: Float32Array }[] = [];
  await workOnEachPhoto(knownFiles, { ...options, progress: false }, signal, async (photo, file) => {
    const faces = await facesOf(photo);
    const [face] = mostProminent(photo, faces);
    if (faces.length > 1) tell(`${file} shows ${faces.length} faces; the most prominent is taken`);
    if (face) known.push({ name: parse(file).name, embedding: face.embedding });
    else tell(`${file} shows no face that can be found, and is passed over`);
    return { file };
  });

  const results = await workOnEachPhoto(files, options, signal, async (photo, file) => {
    const lines: Line[] = (await facesOf(photo)).flatMap((face) => {
      const near = known
        .map(({ name, embedding }) => ({ file, name, distance: euclideanDistance(embedding, face.embedding) }))
        .filter(({ distance }) => distance <= tolerance);
      return near.length > 0 ? near : [{ file, name: UNKNOWN }];
    });
    if (lines.length === 0) lines.push({ file, name: NOBODY });
    if (!options.json) for (const line of lines) printLine(formatLine(line, options.showDistance === true));
    return { file, lines };
  });
  if (options.json)
    printJson(results.flatMap((result): (Line | Failure)[] => (isFailure(result) ? [result] : result.lines)));
}

/** face_recognition prints the distance as Python does, and None where there is none. */
const formatLine = ({ file, name, distance }: Line, isDistanceShown: boolean): string =>
  isDistanceShown ? `${file},${name},${distance ?? 'None'}` : `${file},${name}`;

/** Its paths as the caller wrote the folder's; folders inside are not looked into. */
const directlyIn = (folder: string, photos: readonly ListedPhoto[]): string[] =>
  photos
    .map(({ path }) => parse(path))
    .filter(({ dir }) => dir === resolve(folder))
    .map(({ base }) => join(folder, base));
