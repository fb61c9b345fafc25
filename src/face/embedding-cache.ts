import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stream } from '../tensor/random';
import { centroid, type Point } from './align';
import { CONDITIONS, eyeDistance } from './conditions';
import { readCached, writeCached } from './dataset-cache';
import type { DetectOptions } from './detect';
import { ImageError, type ImageSource, readImage } from './image';
import type { EmbedOptions, FacePipeline } from './pipeline';

/** A condition of `CONDITIONS` at a strength. */
export interface ConditionAt {
  name: string;
  strength: number;
  /** Photo and seed decide what chance does, so that a second run sees the same pictures. */
  seed: number;
}

export interface EmbedFilesOptions extends DetectOptions {
  /** What the pipeline was opened with, as far as embeddings depend on it: part of the key. */
  settings: string;
  /** Where embeddings are kept; without it nothing is. Made if it is not there. */
  cacheFolder?: string;
  /** The photos are faces already; see FacePipeline.embedAligned(). */
  aligned?: boolean;
  /**
   * What befalls each photo before a face is looked for. Photos without a face stay without one; and where the condition
   * leaves a face in its place, one that is found elsewhere is not it.
   */
  condition?: ConditionAt;
  onProgress?: () => void;
}

/** The most prominent face of a photo. */
export interface KnownFace {
  embedding: Float32Array;
  /** 68 points in pixels of the photo; zeros of an aligned picture. */
  landmarks: Point[];
  /** FaceQuality's score, 0 to 1; 1 of an aligned picture, which is not judged. */
  quality: number;
}

/** Part of every key: a change of how embeddings come about forgets the cached ones. */
const VERSION = 3;
const LANDMARKS = 68;

/**
 * The most prominent face of each of some files (Node only). Embeddings are kept by the content of the file and all that
 * they depend on, each in a file that is whole or not there: whoever is interrupted goes on where he was.
 *
 * @returns by file; a photo without a face is absent
 * @throws ImageError for a file that cannot be read
 */
export async function embedFiles(
  pipeline: FacePipeline,
  files: readonly string[],
  options: EmbedFilesOptions,
): Promise<Map<string, KnownFace>> {
  const { cacheFolder, condition, signal, onProgress } = options;
  if (cacheFolder) await mkdir(cacheFolder, { recursive: true });
  const clean = condition && (await embedFiles(pipeline, files, withoutCondition(options)));
  const faces = new Map<string, KnownFace>();
  const inWork: { file: string; place: string | undefined }[] = [];
  const size = 4 * (1 + 2 * LANDMARKS + pipeline.model.dimension);

  async function* unknown(): AsyncGenerator<ImageSource> {
    for (const file of files) {
      signal?.throwIfAborted();
      const landmarks = clean?.get(file)?.landmarks;
      if (clean && !landmarks) {
        onProgress?.();
        continue;
      }
      const bytes = await readBytes(file);
      const place = cacheFolder && join(cacheFolder, `${keyOf(pipeline, bytes, options)}.embedding`);
      const cached = place ? await readCached(place, size) : undefined;
      if (cached) {
        if (cached.face) faces.set(file, decode(cached.face));
        onProgress?.();
        continue;
      }
      inWork.push({ file, place });
      const source = new File([Uint8Array.from(bytes)], file);
      yield condition && landmarks ? await changed(source, landmarks, condition, bytes) : source;
    }
  }

  const results = options.aligned
    ? alignedOnes(pipeline, unknown())
    : foundOnes(pipeline, unknown(), mostProminent(options));
  for await (const result of results) {
    const { file, place } = inWork.shift() ?? { file: '', place: undefined };
    if (result.error) throw result.error;
    const [found] = result.faces ?? [];
    const face = found && isElsewhere(found, clean?.get(file), condition) ? undefined : found;
    if (face) faces.set(file, face);
    if (place) await writeCached(place, face && encode(face));
    onProgress?.();
  }
  return faces;
}

/** Somebody else of the photo, since the face that was there before is not found any more. */
function isElsewhere(found: KnownFace, before: KnownFace | undefined, condition: ConditionAt | undefined): boolean {
  if (!before || !condition || !CONDITIONS[condition.name].staysInPlace) return false;
  const [[x, y], [oldX, oldY]] = [centroid(found.landmarks), centroid(before.landmarks)];
  return Math.hypot(x - oldX, y - oldY) > 1.5 * eyeDistance(before.landmarks);
}

function withoutCondition({ condition: _, onProgress: __, ...rest }: EmbedFilesOptions): EmbedFilesOptions {
  return rest;
}

const mostProminent = ({ minimumScore, smallFaces, signal }: EmbedFilesOptions) => ({
  onlyMostProminent: true,
  ...(minimumScore !== undefined && { minimumScore }),
  ...(smallFaces !== undefined && { smallFaces }),
  ...(signal && { signal }),
});

type Result = { error?: Error; faces?: KnownFace[] };

async function* alignedOnes(pipeline: FacePipeline, sources: AsyncIterable<ImageSource>): AsyncGenerator<Result> {
  for await (const source of sources) {
    const { embedding } = await pipeline.embedAligned(source);
    yield { faces: [{ embedding, landmarks: Array.from({ length: LANDMARKS }, (): Point => [0, 0]), quality: 1 }] };
  }
}

async function* foundOnes(
  pipeline: FacePipeline,
  sources: AsyncIterable<ImageSource>,
  options: EmbedOptions,
): AsyncGenerator<Result> {
  for await (const { error, faces } of pipeline.embedAll(sources, options))
    yield {
      ...(error && { error }),
      ...(faces && {
        faces: faces.map(({ embedding, landmarks, quality }) => ({ embedding, landmarks, quality: quality.score })),
      }),
    };
}

/** A photo after a condition; chance is the photo's own. @param bytes of its file */
export async function changed(source: File, landmarks: readonly Point[], condition: ConditionAt, bytes: Uint8Array) {
  const { name, strength, seed } = condition;
  const photo = await readImage(source);
  const own = createHash('sha256').update(bytes).digest().readUInt32LE();
  const image = await CONDITIONS[name].apply(photo, landmarks, strength, stream(seed, own));
  return { ...image, name: source.name };
}

function keyOf(pipeline: FacePipeline, bytes: Uint8Array, options: EmbedFilesOptions): string {
  const { settings, aligned = false, condition, minimumScore, smallFaces = false } = options;
  const { device, model } = pipeline;
  const version = condition && CONDITIONS[condition.name].version;
  const conditionKey = condition ? (version === undefined ? condition : { ...condition, version }) : null;
  // Without a score that was asked for, a face that is less sure than usual may count.
  const least = minimumScore === undefined ? 0.5 : [minimumScore];
  return createHash('sha256')
    .update(JSON.stringify([VERSION, model, device.name, settings, aligned, least, smallFaces, conditionKey]))
    .update(bytes)
    .digest('hex');
}

async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new ImageError(`${file} cannot be read: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

function encode({ embedding, landmarks, quality }: KnownFace): Uint8Array {
  return new Uint8Array(Float32Array.of(quality, ...landmarks.flat(), ...embedding).buffer);
}

function decode(bytes: Uint8Array): KnownFace {
  const [quality] = new Float32Array(bytes.buffer, bytes.byteOffset, 1);
  const numbers = new Float32Array(bytes.buffer, bytes.byteOffset + 4, bytes.byteLength / 4 - 1);
  const landmarks = Array.from({ length: LANDMARKS }, (_, k): Point => [numbers[2 * k], numbers[2 * k + 1]]);
  return { embedding: numbers.slice(2 * LANDMARKS), landmarks, quality };
}
