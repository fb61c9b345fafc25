import { AnnotatedPhotos } from './annotated-photos';
import { printFaces } from './faces-table';
import { detectOptions, type EmbedOptions } from './options';
import { printDevice, printJson, printLine, printTable, printWritten } from './output';
import { forEachPhoto, isFailure, tellNoFace } from './photos';

const jsonHint = ({ dimension }: { dimension: number }) =>
  `The embeddings themselves, ${dimension} numbers each, are printed with --json.`;

/** `likeness embed`: an embedding for each face of each photo. */
export async function embed(
  files: string[],
  options: EmbedOptions & { minimumQuality: number },
  signal: AbortSignal,
): Promise<void> {
  const annotated = await AnnotatedPhotos.openIf(options.out, files);
  const { results, device, model } = await forEachPhoto(files, options, signal, async (pipeline, photo, file) => {
    const { minimumQuality } = options;
    const embedded = await pipeline.embed(photo, { ...detectOptions(options, signal), minimumQuality });
    if (embedded.length === 0) tellNoFace(file);
    await annotated?.write(photo, file, embedded);
    const faces = embedded.map(({ chip: _, toPhoto: __, ...face }) => face);
    return { file, width: photo.width, height: photo.height, faces };
  });
  if (options.json) return printJson(results);
  printFaces(results, {
    headings: ['Norm', 'Quality'],
    cells: ({ norm, quality }) => [norm.toFixed(3), quality.score.toFixed(2)],
  });
  printWritten(annotated?.written);
  printLine(jsonHint(model));
  printDevice(device);
}

/** `likeness embed --aligned`: each picture is a chip, one face that is aligned already. */
export async function embedAligned(files: string[], options: EmbedOptions, signal: AbortSignal): Promise<void> {
  const { results, device, model } = await forEachPhoto(files, options, signal, async (pipeline, chip, file) => {
    const { embedding, norm } = await pipeline.embedAligned(chip);
    return { file, faces: [{ embedding, norm }] };
  });
  if (options.json) return printJson(results);
  printTable(
    ['Chip', 'Norm'],
    results.flatMap((result) => (isFailure(result) ? [] : [[result.file, result.faces[0].norm.toFixed(3)]])),
  );
  printLine(jsonHint(model));
  printDevice(device);
}
