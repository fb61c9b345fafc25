import type { WindowSizes } from '../kernel';

/**
 * Calls `visit` for every pixel [n,y,x] of the input that meets position [p,q] of the window in output [n,i,j]:
 * y = i*strideY+p-top, x = j*strideX+q-left. Each is given as its place when the axes are counted through, without
 * channels. Positions outside the image are left out.
 */
export function forEachPair(sizes: WindowSizes, visit: (pixel: number, weight: number, place: number) => void): void {
  const { batch, height, width, outHeight, outWidth } = sizes;
  const { filterHeight, filterWidth, strideY, strideX, top, left } = sizes;
  for (let n = 0; n < batch; n++)
    for (let i = 0; i < outHeight; i++)
      for (let j = 0; j < outWidth; j++)
        for (let p = 0; p < filterHeight; p++)
          for (let q = 0; q < filterWidth; q++) {
            const y = i * strideY + p - top;
            const x = j * strideX + q - left;
            if (y >= 0 && y < height && x >= 0 && x < width)
              visit((n * height + y) * width + x, p * filterWidth + q, (n * outHeight + i) * outWidth + j);
          }
}
