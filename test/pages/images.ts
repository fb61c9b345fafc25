import { encodePng, ImageError, readImage } from '../../src/face/image';

export interface PageImages {
  /** Files as lists of bytes. */
  files: number[][];
}

export interface PageResult {
  width: number;
  height: number;
  /** Red, green, blue and alpha of each pixel, or what the file was refused with. */
  data: number[];
  refusal?: string;
}

/** Reads files in the browser, and each that can be read once more from the PNG that is made of it. */
export async function run({ files }: PageImages): Promise<PageResult[]> {
  return Promise.all(
    files.map(async (file) => {
      try {
        const image = await readImage(new Blob([Uint8Array.from(file)]));
        const { width, height, data } = await readImage(await encodePng(image));
        return { width, height, data: [...data] };
      } catch (error) {
        if (!(error instanceof ImageError)) throw error;
        return { width: 0, height: 0, data: [], refusal: error.message };
      }
    }),
  );
}
