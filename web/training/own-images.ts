import { FacePipeline } from '../../src/face/pipeline';
import { inputPixels, type PixelShape } from '../../src/face/pixels';
import type { LabelledImage } from '../../src/nn/evaluation';
import type { Device } from '../../src/tensor/device';
import type { ImageChoice, WeightFolders } from './messages';

export interface Images {
  people: string[];
  images: LabelledImage[];
  /** A sentence for each photo that cannot be used. */
  problems: string[];
}

interface ReadingOptions extends WeightFolders {
  shape: PixelShape;
  device: Device;
  signal: AbortSignal;
  onProgress(done: number, total: number): void;
}

/**
 * The largest face of each of the visitor's photos, aligned to ArcFace's template.
 * @throws Error in one sentence when fewer than two people are left
 */
export async function readOwnImages(
  { files }: Extract<ImageChoice, { from: 'files' }>,
  { shape, device, weights, models, signal, onProgress }: ReadingOptions,
): Promise<Images> {
  await using faces = await FacePipeline.open({ device, weights: new URL(weights), models: new URL(models) });
  const found: { person: string; pixels: Uint8Array }[] = [];
  const problems: string[] = [];
  for (const [done, { person, file }] of files.entries()) {
    signal.throwIfAborted();
    onProgress(done, files.length);
    try {
      const aligned = await faces.align(file, { template: 'arcface', signal });
      const [largest] = aligned.sort((one, other) => areaOf(other) - areaOf(one));
      if (largest) found.push({ person, pixels: inputPixels(largest.chip, shape) });
      else problems.push(`${file.name}: no face was found in it.`);
    } catch (error) {
      signal.throwIfAborted();
      problems.push(`${file.name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  const people = [...new Set(found.map(({ person }) => person))].sort();
  if (people.length < 2)
    throw new Error(
      `Faces of ${people.length === 1 ? 'one person' : 'nobody'} were found; at least two people are needed to tell apart.${problems.length > 0 ? ` ${problems[0]}` : ''}`,
    );
  return { people, images: found.map(({ person, pixels }) => ({ label: people.indexOf(person), pixels })), problems };
}

const areaOf = ({ box: [, , width, height] }: { box: readonly [number, number, number, number] }) => width * height;
