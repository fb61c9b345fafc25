import { readFile } from 'node:fs/promises';
import type { Box } from '../face/boxes';
import { ClosedSet } from '../face/identify';
import type { RawImage } from '../face/image';
import type { FacePipeline } from '../face/pipeline';
import { resize } from '../face/pixels';
import { openDevice } from '../tensor/device';
import { detectOptions, type PhotoOptions } from './options';
import { printDevice, printJson, printTable, UserError } from './output';
import { forEachPhoto, isFailure, tellNoFace } from './photos';
import { percent } from './verify';

export interface IdentifyOptions extends PhotoOptions {
  model: string;
  aligned?: boolean;
}

/** `likeness identify`: which of the people that a model was trained on each face shows. */
export async function identify(files: string[], options: IdentifyOptions, signal: AbortSignal): Promise<void> {
  const bytes = await readModelFile(options.model);
  const { backend } = await openDevice(
    options.device,
    options.threads === undefined ? {} : { threads: options.threads },
  );
  try {
    const people = ClosedSet.open(backend, bytes, options.model);
    const { results, device } = await forEachPhoto(files, options, signal, async (pipeline, photo, file) => {
      const found = await facesOf(pipeline, photo, options, signal);
      if (found.length === 0) tellNoFace(file);
      const answers = await people.identify(found.map(({ chip }) => resize(chip, people.input)));
      return { file, faces: found.map(({ box }, index) => ({ box, ...answers[index] })) };
    });
    people.dispose();
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
  } finally {
    await backend.close();
  }
}

/** The faces of a photo, as the model's training saw them; with --aligned the picture is one. */
async function facesOf(
  pipeline: FacePipeline,
  photo: RawImage,
  options: IdentifyOptions,
  signal: AbortSignal,
): Promise<{ box: Box; chip: RawImage }[]> {
  if (options.aligned) return [{ box: [0, 0, photo.width, photo.height], chip: photo }];
  return pipeline.align(photo, { ...detectOptions(options, signal), template: 'arcface' });
}

export async function readModelFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    const why = isMissing ? 'does not exist' : `cannot be read: ${error instanceof Error ? error.message : error}`;
    throw new UserError(`${path} ${why}; likeness train makes a model`, { cause: error });
  }
}
