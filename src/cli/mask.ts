import { createHash } from 'node:crypto';
import { encodePng } from '../face/image';
import { drawMask, type MaskKind, type MaskPattern, type MaskStyle, type MaskWearing, randomMask } from '../face/mask';
import type { Face } from '../face/pipeline';
import type { Colour } from '../face/synthetic-paint';
import { stream } from '../tensor/random';
import { printFaces } from './faces-table';
import { OutputFolder, writeFileAtomically } from './files';
import { detectOptions, type PhotoOptions } from './options';
import { printDevice, printJson, printWritten } from './output';
import { forEachPhoto, tellNoFace } from './photos';

export interface MaskOptions extends PhotoOptions {
  out: string;
  kind: MaskKind | 'random';
  wearing: MaskWearing | 'random';
  color?: Colour;
  pattern?: MaskPattern;
  seed: number;
}

/** `likeness mask`: draws a mask on every face of each photo. A photo without a face is an answer, and no picture is written. */
export async function mask(files: string[], options: MaskOptions, signal: AbortSignal): Promise<void> {
  const folder = await OutputFolder.open(options.out, files);
  const written: string[] = [];
  const { results, device } = await forEachPhoto(files, options, signal, async (pipeline, photo, file) => {
    const found = await pipeline.detect(photo, detectOptions(options, signal));
    const { width, height } = photo;
    if (found.length === 0) {
      tellNoFace(file);
      return { file, width, height, faces: [] };
    }
    const photoNumber = createHash('sha256').update(photo.data).digest().readUInt32LE();
    let masked = photo;
    const faces: (Face & { mask: MaskStyle })[] = [];
    for (const [index, face] of found.entries()) {
      const style = randomMask(stream(options.seed, photoNumber, index), given(options));
      masked = drawMask(masked, face.landmarks, style);
      faces.push({ ...face, mask: style });
    }
    const path = await folder.pathFor(file, '-masked');
    await writeFileAtomically(path, await encodePng(masked));
    written.push(path);
    return { file, width, height, faces, masked: path };
  });
  if (options.json) return printJson(results);
  printFaces(results, {
    headings: ['Mask', 'Worn', 'Pattern'],
    cells: ({ mask: { kind, wearing, pattern } }) => [kind, wearing, pattern],
  });
  printWritten(written);
  printDevice(device);
}

/** What the command line decides; the rest is drawn. */
const given = ({ kind, wearing, color, pattern }: MaskOptions): Partial<MaskStyle> => ({
  ...(kind !== 'random' && { kind }),
  ...(wearing !== 'random' && { wearing }),
  ...(color && { colour: color }),
  ...(pattern && { pattern }),
});
