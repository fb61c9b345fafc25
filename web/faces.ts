import { type Remote, wrap } from 'comlink';
import type { ImageSource, RawImage } from '../src/face/image';
import type { AlignedFace } from '../src/face/pipeline';
import type { Device } from '../src/tensor/device';
import type { Faces } from './workers/faces-worker';

/** A photo, and the faces that were found on it. */
export interface Photo {
  name: string;
  /** What the engine reads: a file, or pixels. */
  source: Blob | RawImage;
  width: number;
  height: number;
  faces: AlignedFace[];
  /** That the search took. */
  milliseconds: number;
}

/** One face of a photo. */
export interface Face extends AlignedFace {
  photo: Photo;
}

/** Where the reader wants it computed; `?device=wasm` in the address decides at first. */
export function wantedDevice(): Device {
  const wanted = new URLSearchParams(location.search).get('device');
  return wanted === 'webgpu' || wanted === 'wasm' || wanted === 'reference' ? wanted : 'auto';
}

/** A worker of the page; all that computes runs in one, so that the page never stands still. */
export const startWorker = <Methods>(file: string): Remote<Methods> =>
  wrap<Methods>(new Worker(new URL(file, document.baseURI), { type: 'module' }));

let opened: Remote<Faces> | undefined;

/** The face pipeline, in a worker of its own. */
export function faces(): Remote<Faces> {
  opened ??= startWorker<Faces>('faces-worker.js');
  return opened;
}

export async function findFaces(name: string, source: Blob | RawImage): Promise<Photo> {
  return { name, source, ...(await faces().align(source)) };
}

/** A photo of somebody who does not exist. The same seeds give the same bytes. */
export async function drawnPhoto(person: number, shot: number): Promise<Photo> {
  const image = await faces().drawnPhoto(person, shot);
  return findFaces(`drawn person ${person}, photo ${shot}`, image);
}

/** What the page draws of a photo: an image of the browser's, upright. */
export async function bitmapOf(source: ImageSource): Promise<ImageBitmap> {
  if (source instanceof Blob) return createImageBitmap(source, { imageOrientation: 'from-image' });
  if (typeof source === 'object' && 'data' in source)
    return createImageBitmap(new ImageData(Uint8ClampedArray.from(source.data), source.width, source.height));
  throw new Error('a photo of the page is a file or pixels');
}
