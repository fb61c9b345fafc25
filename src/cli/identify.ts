import { detectOptions, type PhotoOptions } from './options';
import { printDevice, printJson, printTable } from './output';
import { forEachPhoto, isFailure, tellNoFace } from './photos';
import { percent } from './verify';

export interface IdentifyOptions extends PhotoOptions {
  model: string;
  aligned?: boolean;
}

/** `likeness identify`: which of the people that a model was trained on each face shows. */
export async function identify(files: string[], options: IdentifyOptions, signal: AbortSignal): Promise<void> {
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
