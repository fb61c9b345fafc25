import { fileURLToPath } from 'node:url';
import { Jimp } from 'jimp';
import { platform } from '#platform';
import type { Box } from '../../src/face/boxes';
import { type RawImage, readImage } from '../../src/face/image';
import { turnUpright } from '../../src/platform/orientation';

/** Every face of the six sample photos, from left to right, forehead to chin, as a person drew them. */
export const SAMPLE_FACES: Record<string, Box[]> = {
  'sample1.jpg': [
    [415, 350, 190, 255],
    [830, 420, 200, 240],
    [1470, 210, 220, 240],
  ],
  'sample2.jpg': [
    [360, 140, 165, 270], // from the side
    [900, 235, 150, 225], // looking down, half covered by hair
    [1440, 150, 200, 250],
  ],
  'sample3.jpg': [
    [585, 320, 205, 285],
    [1070, 205, 220, 300],
    [1505, 285, 185, 305],
  ],
  'sample4.jpg': [
    [265, 190, 160, 245],
    [655, 55, 190, 260],
    [985, 180, 200, 235],
    [1270, 140, 160, 255],
  ],
  'sample5.jpg': [
    [375, 860, 190, 310],
    [600, 410, 170, 265],
    [780, 110, 165, 220],
    [1110, 205, 170, 240],
    [1400, 400, 190, 275],
  ],
  'sample6.jpg': [
    [245, 470, 225, 290],
    [670, 330, 185, 300],
    [1180, 300, 190, 270],
    [1480, 255, 235, 310],
  ],
};

/** Where a sample photo lies. */
export const samplePath = (photo: string): string =>
  fileURLToPath(new URL(`../demo/${photo}`, platform.weightsDirectory()));

const read = new Map<string, Promise<RawImage>>();

/** A sample photo's pixels, decoded once for the whole run; not to be written to. */
export function samplePhoto(photo: string): Promise<RawImage> {
  const image = read.get(photo) ?? readImage(samplePath(photo));
  read.set(photo, image);
  return image;
}

/** A photo as a camera would store it that was held as EXIF's `orientation` says: turned, mirrored, or both. */
export function turned(photo: RawImage, orientation: number): RawImage {
  const { pixels, width, height } = turnUpright(
    new Uint32Array(Uint8Array.from(photo.data).buffer),
    photo.width,
    photo.height,
    orientation,
  );
  return { width, height, data: new Uint8Array(pixels.buffer) };
}

/** Left and right exchanged. */
export const mirrorImage = (photo: RawImage): RawImage => turned(photo, 2);

/** Half as wide and high, each pixel the mean of four. */
export function halved({ width, height, data }: RawImage): RawImage {
  const [columns, rows] = [width >> 1, height >> 1];
  const small = { width: columns, height: rows, data: new Uint8Array(4 * columns * rows) };
  for (let y = 0, at = 0; y < rows; y++)
    for (let x = 0; x < columns; x++)
      for (let channel = 0; channel < 4; channel++, at++) {
        const from = 4 * (2 * y * width + 2 * x) + channel;
        small.data[at] = (data[from] + data[from + 4] + data[from + 4 * width] + data[from + 4 * width + 4] + 2) >> 2;
      }
  return small;
}

/** A part of a photo around a face: its box, and as much again on every side. */
export function cropAround({ width, height, data }: RawImage, [x, y, boxWidth, boxHeight]: Box): RawImage {
  const left = Math.max(0, Math.round(x - boxWidth));
  const top = Math.max(0, Math.round(y - boxHeight));
  const right = Math.min(width, Math.round(x + 2 * boxWidth));
  const bottom = Math.min(height, Math.round(y + 2 * boxHeight));
  const crop = { width: right - left, height: bottom - top, data: new Uint8Array(4 * (right - left) * (bottom - top)) };
  for (let row = 0; row < crop.height; row++) {
    const from = 4 * ((top + row) * width + left);
    crop.data.set(data.subarray(from, from + 4 * crop.width), 4 * row * crop.width);
  }
  return crop;
}

/** The bytes of a JPEG file. */
export async function jpegOf(photo: RawImage, quality = 95): Promise<Uint8Array> {
  return Uint8Array.from(
    await new Jimp({ ...photo, data: Buffer.from(photo.data) }).getBuffer('image/jpeg', { quality }),
  );
}

/** One colour all over: nobody is there. */
export const plain = (width: number, height: number): RawImage => ({
  width,
  height,
  data: new Uint8Array(4 * width * height).fill(128),
});
