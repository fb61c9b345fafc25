import { AnnotatedPhotos } from './annotated-photos';
import { printFaces } from './faces-table';
import { detectOptions, type PhotoOptions } from './options';
import { printDevice, printJson, printWritten } from './output';
import { forEachPhoto, tellNoFace } from './photos';

/** `likeness detect`: the faces of each photo. None is an answer too. */
export async function detect(files: string[], options: PhotoOptions, signal: AbortSignal): Promise<void> {
  const annotated = await AnnotatedPhotos.openIf(options.out, files);
  const { results, device } = await forEachPhoto(files, options, signal, async (pipeline, photo, file) => {
    const faces = await pipeline.detect(photo, detectOptions(options, signal));
    if (faces.length === 0) tellNoFace(file);
    await annotated?.write(photo, file, faces);
    return { file, width: photo.width, height: photo.height, faces };
  });
  if (options.json) return printJson(results);
  printFaces(results);
  printWritten(annotated?.written);
  printDevice(device);
}
