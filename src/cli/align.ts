import { encodePng } from '../face/image';
import { type CropName, PRESETS, type PresetName } from '../face/preprocessing';
import { printFaces } from './faces-table';
import { OutputFolder, writeFileAtomically } from './files';
import { detectOptions, type EmbedderOptions, type PhotoOptions } from './options';
import { printDevice, printJson, UserError } from './output';
import { forEachPhoto, tellNoFace } from './photos';

export interface AlignOptions extends PhotoOptions {
  out: string;
  template?: 'dlib' | PresetName;
  embedder?: string;
}

/** How faces are to be cut: as a network wants them, whose family is told or not, or by a template. */
function cropOf({ template, embedder }: AlignOptions): { network: EmbedderOptions; template?: CropName } {
  if (embedder === undefined)
    return { network: {}, ...(template && { template: template === 'dlib' ? template : PRESETS[template].template }) };
  if (template === 'dlib')
    throw new UserError(`--template dlib is the pretrained network's; name the family of ${embedder}, or none`);
  return { network: { embedder, ...(template && { template }) } };
}

/** `likeness align`: each face upright and at the size that a recognition network expects, as a PNG. */
export async function align(files: string[], options: AlignOptions, signal: AbortSignal): Promise<void> {
  const { template: _, embedder: __, ...others } = options;
  const { network, ...crop } = cropOf(options);
  const folder = await OutputFolder.open(options.out, files, 'folder');
  const { results, device } = await forEachPhoto(
    files,
    { ...others, ...network },
    signal,
    async (pipeline, photo, file) => {
      const aligned = await pipeline.align(photo, { ...detectOptions(options, signal), ...crop });
      if (aligned.length === 0) tellNoFace(file);
      const faces = [];
      for (const [index, { chip, toPhoto: _, ...face }] of aligned.entries()) {
        const path = await folder.pathFor(file, `-${index + 1}`);
        await writeFileAtomically(path, await encodePng(chip));
        faces.push({ ...face, chip: path });
      }
      return { file, width: photo.width, height: photo.height, faces };
    },
  );
  if (options.json) return printJson(results);
  printFaces(results, { headings: ['Chip'], cells: ({ chip }) => [chip] });
  printDevice(device);
}
