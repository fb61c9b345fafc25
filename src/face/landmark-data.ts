import { createHash, type Hash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stream } from '../tensor/random';
import type { Point } from './align';
import { type Box, mostProminent } from './boxes';
import { readCached, writeCached } from './dataset-cache';
import type { FaceDetector } from './detect';
import { fivePoints, landmarkError } from './evaluate-photos';
import { type RawImage, readImage } from './image';
import type { LabelledFace } from './landmark-samples';
import type { LandmarkFinder } from './landmarks';
import { drawMask, randomMask } from './mask';
import { readPoints } from './protocols';

/** Part of every key: another detector would give other boxes. */
const VERSION = 'tiny 1';
/** Around the detector's box so much of its sides is still near, for labelled points. */
const NEAR = 0.15;
/** A mask is drawn by 68 points that lie so near to the five labelled ones, in the mean and shares of the eyes' distance. */
const AGREEMENT = 0.25;

/**
 * Labelled faces with the boxes that the detector gives them (Node only): networks are to be trained on what they will
 * be shown. Left out are photos in which it finds nobody, and those where most of the labelled points are not of the
 * face that it finds.
 *
 * @param folder images/ and points.csv: file, and x and y of five points
 * @param options.cacheFolder where boxes are kept, by the content of each photo; made if it is not there
 * @param options.outlines finds the 68 points that masks are drawn by; without it nobody can wear one
 * @throws ProtocolError when the folder or its table does not fit
 */
export async function readLabelledFaces(
  detector: FaceDetector,
  folder: string,
  options: {
    cacheFolder?: string;
    outlines?: LandmarkFinder;
    signal?: AbortSignal;
    onProgress?: (total: number) => void;
  } = {},
): Promise<{ faces: LabelledFace[]; leftOut: number }> {
  const { cacheFolder, outlines, signal, onProgress } = options;
  const labelled = await readPoints(folder);
  if (cacheFolder) await mkdir(cacheFolder, { recursive: true });
  const boxOf = async (photo: RawImage, key: string): Promise<Box | undefined> => {
    const place = cacheFolder && join(cacheFolder, `${key}.box`);
    const cached = place ? await readCached(place, 4 * Float64Array.BYTES_PER_ELEMENT) : undefined;
    if (cached) return decodeBox(cached.face);
    const box = mostProminent(photo, await detector.detect(photo))[0]?.box;
    if (place) await writeCached(place, box && new Uint8Array(Float64Array.from(box).buffer));
    return box;
  };
  const wearerOf = async (photo: RawImage, box: Box, points: readonly Point[], hash: Hash, seed: number) => {
    if (!outlines) return undefined;
    const [outline] = await outlines.find(photo, [box], signal);
    if (landmarkError(fivePoints(outline), points) > AGREEMENT) return undefined;
    const masked = drawMask(photo, outline, randomMask(stream(seed), { wearing: 'full' }));
    const found = await boxOf(masked, hash.update(masked.data).digest('hex'));
    return found && areOf(points, found) ? { outline, box: found } : undefined;
  };
  const faces: LabelledFace[] = [];
  for (const [file, points] of labelled) {
    signal?.throwIfAborted();
    const bytes = await readFile(file);
    const photo = await readImage(new File([Uint8Array.from(bytes)], file));
    const hash = createHash('sha256').update(VERSION).update(bytes);
    const box = await boxOf(photo, hash.copy().digest('hex'));
    if (box && areOf(points, box)) {
      const wearer = await wearerOf(photo, box, points, hash, faces.length);
      faces.push({ photo, box, points, ...(wearer && { wearer }) });
    }
    onProgress?.(labelled.size);
  }
  return { faces, leftOut: labelled.size - faces.length };
}

/** Whether most of a face's points lie in a box, or beside it. */
const areOf = (points: readonly Point[], box: Box): boolean =>
  points.filter((point) => isNear(point, box)).length > points.length / 2;

function decodeBox(bytes: Uint8Array | undefined): Box | undefined {
  if (!bytes) return undefined;
  const [x, y, width, height] = new Float64Array(bytes.buffer, bytes.byteOffset, 4);
  return [x, y, width, height];
}

const isNear = ([px, py]: readonly [number, number], [x, y, width, height]: Box): boolean =>
  Math.abs(px - x - width / 2) < (0.5 + NEAR) * width && Math.abs(py - y - height / 2) < (0.5 + NEAR) * height;
