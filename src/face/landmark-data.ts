import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Box, mostProminent } from './boxes';
import { readCached, writeCached } from './dataset-cache';
import type { FaceDetector } from './detect';
import { readImage } from './image';
import type { LabelledFace } from './landmark-samples';
import { readPoints } from './protocols';

/** Part of every key: another detector would give other boxes. */
const VERSION = 'tiny 1';
/** Around the detector's box so much of its sides is still near, for labelled points. */
const NEAR = 0.15;

/**
 * Labelled faces with the boxes that the detector gives them (Node only): networks are to be trained on what they will
 * be shown. Left out are photos in which it finds nobody, and those where most of the labelled points are not of the
 * face that it finds.
 *
 * @param folder images/ and points.csv: file, and x and y of five points
 * @param options.cacheFolder where boxes are kept, by the content of each photo; made if it is not there
 * @throws ProtocolError when the folder or its table does not fit
 */
export async function readLabelledFaces(
  detector: FaceDetector,
  folder: string,
  options: { cacheFolder?: string; signal?: AbortSignal; onProgress?: (total: number) => void } = {},
): Promise<{ faces: LabelledFace[]; leftOut: number }> {
  const { cacheFolder, signal, onProgress } = options;
  const labelled = await readPoints(folder);
  if (cacheFolder) await mkdir(cacheFolder, { recursive: true });
  const faces: LabelledFace[] = [];
  for (const [file, points] of labelled) {
    signal?.throwIfAborted();
    const bytes = await readFile(file);
    const photo = await readImage(new File([Uint8Array.from(bytes)], file));
    const key = createHash('sha256').update(VERSION).update(bytes).digest('hex');
    const place = cacheFolder && join(cacheFolder, `${key}.box`);
    const cached = place ? await readCached(place, 4 * Float64Array.BYTES_PER_ELEMENT) : undefined;
    const box = cached ? decodeBox(cached.face) : mostProminent(photo, await detector.detect(photo))[0]?.box;
    if (place && !cached) await writeCached(place, box && new Uint8Array(Float64Array.from(box).buffer));
    if (box && points.filter((point) => isNear(point, box)).length > points.length / 2)
      faces.push({ photo, box, points });
    onProgress?.(labelled.size);
  }
  return { faces, leftOut: labelled.size - faces.length };
}

function decodeBox(bytes: Uint8Array | undefined): Box | undefined {
  if (!bytes) return undefined;
  const [x, y, width, height] = new Float64Array(bytes.buffer, bytes.byteOffset, 4);
  return [x, y, width, height];
}

const isNear = ([px, py]: readonly [number, number], [x, y, width, height]: Box): boolean =>
  Math.abs(px - x - width / 2) < (0.5 + NEAR) * width && Math.abs(py - y - height / 2) < (0.5 + NEAR) * height;
