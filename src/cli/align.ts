import { encodePng } from '../face/image';
import { printFaces } from './faces-table';
import { OutputFolder, writeFileAtomically } from './files';
import { detectOptions, type PhotoOptions } from './options';
import { printDevice, printJson } from './output';
import { forEachPhoto, tellNoFace } from './photos';

export interface AlignOptions extends PhotoOptions {
  out: string;
  template: 'dlib' | 'arcface';
}

/** `likeness align`: each face upright and at the size that a recognition network expects, as a PNG. */
export async function align(files: string[], options: AlignOptions, signal: AbortSignal): Promise<void> {
  const folder = await OutputFolder.open(options.out, files, 'folder');
  const { results, device } = await forEachPhoto(files, options, signal, async (pipeline, photo, file) => {
    const aligned = await pipeline.align(photo, { ...detectOptions(options, signal), template: options.template });
    if (aligned.length === 0) tellNoFace(file);
    const faces = [];
    for (const [index, { chip, toPhoto: _, ...face }] of aligned.entries()) {
      const path = await folder.pathFor(file, `-${index + 1}`);
      await writeFileAtomically(path, await encodePng(chip));
      faces.push({ ...face, chip: path });
    }
    return { file, width: photo.width, height: photo.height, faces };
  });
  if (options.json) return printJson(results);
  printFaces(results, { headings: ['Chip'], cells: ({ chip }) => [chip] });
  printDevice(device);
}
