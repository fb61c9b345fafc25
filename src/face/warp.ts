import type { Backend } from '../kernels/backend';
import { scale } from '../tensor/ops/arithmetic';
import { affineWarp } from '../tensor/ops/resample';
import { scope } from '../tensor/scope';
import { Tensor } from '../tensor/tensor';
import { type Affine, apply, type Point } from './align';
import type { RawImage } from './image';
import { imageOf } from './pixels';

/**
 * Samples a rectangle out of a photo, bilinearly, on a backend. Only the part that is looked at is uploaded, averaged
 * over whole blocks of pixels where the photo is much finer than the rectangle: four neighbours alone would alias.
 *
 * @param toPhoto from a pixel of the rectangle to a pixel of the photo
 * @param across its width, in pixels; a square's side
 * @param down its height
 * @param outside what is told of places outside the photo
 * @returns [1, down, across, 3], RGB 0 to 255
 */
export function warpPhoto(
  backend: Backend,
  photo: RawImage,
  toPhoto: Affine,
  across: number,
  down = across,
  outside = 0,
): Tensor {
  const step = Math.sqrt(Math.abs(toPhoto[0] * toPhoto[4] - toPhoto[1] * toPhoto[3]));
  const block = Math.max(1, Math.round(step));

  const corners = (
    [
      [-1, -1],
      [across, -1],
      [-1, down],
      [across, down],
    ] satisfies Point[]
  ).map((corner) => apply(toPhoto, corner));
  const bound = (axis: 0 | 1, limit: number): [number, number] => {
    const values = corners.map((corner) => corner[axis]);
    const first = Math.max(0, Math.floor(Math.min(...values)) - block);
    const last = Math.min(limit, Math.ceil(Math.max(...values)) + block + 1);
    return last > first ? [first, last] : [0, 1]; // wholly outside: any pixel will do, none is looked at
  };
  const [left, right] = bound(0, photo.width);
  const [top, bottom] = bound(1, photo.height);
  const { width, height, values } = averageBlocks(photo, left, top, right - left, bottom - top, block);

  // Block k covers photo pixels left + k*block ... + block - 1, so its centre is at left + k*block + (block - 1) / 2.
  const shift = (block - 1) / 2;
  const [a, b, c, d, e, f] = toPhoto;
  const toRegion = [a, b, c - left - shift, d, e, f - top - shift].map((entry) => entry / block);
  const matrix = Tensor.from(backend, toRegion, [1, 6]);
  const warped = (pixels: Float32Array) =>
    affineWarp(Tensor.from(backend, pixels, [1, height, width, 3]), matrix, down, across);
  // Outside is zero for the kernel: what is told there becomes zero, and is added afterwards.
  return outside === 0 ? warped(values) : scale(warped(values.map((value) => value - outside)), 1, outside);
}

/** The square that warpPhoto() samples, as an image, rounded to bytes. */
export async function cutChip(backend: Backend, photo: RawImage, toPhoto: Affine, side: number): Promise<RawImage> {
  return imageOf(await warpedNumbers(backend, photo, toPhoto, side), side, side);
}

function warpedNumbers(backend: Backend, photo: RawImage, toPhoto: Affine, side: number) {
  using _ = scope();
  return warpPhoto(backend, photo, toPhoto, side).data();
}

/** Means over block x block pixels of a part of a photo, as RGB; the last blocks may be smaller. */
function averageBlocks(photo: RawImage, left: number, top: number, width: number, height: number, block: number) {
  const columns = Math.ceil(width / block);
  const rows = Math.ceil(height / block);
  const values = new Float32Array(rows * columns * 3);
  const pixels = wholePixels(photo);
  for (let i = 0; i < rows; i++) {
    const rowsHere = Math.min(block, height - i * block);
    for (let j = 0; j < columns; j++) {
      const columnsHere = Math.min(block, width - j * block);
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let y = 0; y < rowsHere; y++) {
        const start = (top + i * block + y) * photo.width + left + j * block;
        for (let k = start; k < start + columnsHere; k++) {
          const pixel = pixels[k];
          red += pixel & 255;
          green += (pixel >> 8) & 255;
          blue += (pixel >> 16) & 255;
        }
      }
      const count = rowsHere * columnsHere;
      const place = 3 * (i * columns + j);
      values[place] = red / count;
      values[place + 1] = green / count;
      values[place + 2] = blue / count;
    }
  }
  return { width: columns, height: rows, values };
}

/** A number a pixel, red in its lowest byte: one load in place of three, and this loop goes over whole photos. */
function wholePixels({ data, width, height }: RawImage): Int32Array {
  if (data.byteOffset % 4 === 0) return new Int32Array(data.buffer, data.byteOffset, width * height);
  return new Int32Array(Uint8Array.from(data).buffer);
}
