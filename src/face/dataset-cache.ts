import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { writeWholeFile } from '../platform/whole-file';
import type { DetectorChoice } from './detect';
import { readSource } from './file-source';

/*
 * One file a face: the SHA-256 of what follows (32 bytes), then what is kept of the face, its pixels or its embedding.
 * One byte stands for a picture in which no face was found: how hard was looked. Who looks harder looks again.
 */

const LOOKED = Uint8Array.of(2);

const HASH_LENGTH = 32;

/** @returns nothing where the file is absent or not whole; else the face, or that there is none */
export async function readCached(path: string, size: number): Promise<{ face: Uint8Array | undefined } | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch {
    return undefined; // absent or unreadable: it is made again
  }
  const face = Uint8Array.from(bytes.subarray(HASH_LENGTH));
  if (!hashOf(face).equals(bytes.subarray(0, HASH_LENGTH))) return undefined;
  if (face.length === size) return { face };
  return hashOf(LOOKED).equals(hashOf(face)) ? { face: undefined } : undefined;
}

/** A file is whole or not there. */
export async function writeCached(path: string, face: Uint8Array | undefined): Promise<void> {
  const kept = face ?? LOOKED;
  await writeWholeFile(path, Buffer.concat([hashOf(kept), kept]));
}

/** What tells detectors apart in keys of caches: the name, or what the file holds. */
export async function detectorKey(detector: DetectorChoice = 'tiny'): Promise<string> {
  if (typeof detector === 'string') return detector;
  return hashOf((await readSource(detector.onnx, 'the detector')).bytes).toString('hex');
}

const hashOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
