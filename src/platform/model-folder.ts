import { readFile, realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import type { ReadExternal } from '../nn/onnx/external';

/**
 * Reads the files in which a model keeps its weights (Node only): those in its own folder, also behind symbolic links.
 *
 * @param modelPath the ONNX file
 */
export const folderOf =
  (modelPath: string): ReadExternal =>
  async (path) => {
    const folder = await realpath(dirname(modelPath));
    const file = await realpath(join(folder, path)).catch(() => {
      throw new Error(`keeps numbers in ${path}, which does not lie beside it`);
    });
    if (!file.startsWith(folder.endsWith(sep) ? folder : folder + sep))
      throw new Error(`keeps numbers in ${path}, which leads out of its folder`);
    return readFile(file);
  };
