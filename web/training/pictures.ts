import type { RawImage } from '../../src/face/image';
import { make } from './elements';
import type { Filters } from './messages';

/** Pictures side by side on one canvas, a pixel a pixel: CSS enlarges them. */
function drawTiles(canvas: HTMLCanvasElement, tiles: readonly RawImage[], perRow: number): void {
  const [{ width, height }] = tiles;
  canvas.width = perRow * (width + 1) - 1;
  canvas.height = Math.ceil(tiles.length / perRow) * (height + 1) - 1;
  const context = canvas.getContext('2d');
  for (const [k, { data }] of tiles.entries())
    context?.putImageData(
      new ImageData(Uint8ClampedArray.from(data), width, height),
      (k % perRow) * (width + 1),
      Math.floor(k / perRow) * (height + 1),
    );
}

/** Some of the images that are learnt from. */
export function facesPicture(samples: readonly RawImage[]): HTMLCanvasElement {
  const canvas = make('canvas', { className: 'training-faces', role: 'img' });
  canvas.ariaLabel = `${samples.length} of the images, as the network sees them`;
  if (samples.length > 0) drawTiles(canvas, samples, samples.length);
  return canvas;
}

/** Each filter's weights as colours: grey is 0, and each filter's largest weight is as bright or dark as can be. */
export function drawFilters(canvas: HTMLCanvasElement, { values, size, channels, count }: Filters): void {
  const tiles = Array.from({ length: count }, (_, filter): RawImage => {
    const own = values.filter((_, k) => k % count === filter);
    const largest = own.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-12);
    const data = new Uint8Array(4 * size * size).fill(255);
    for (let pixel = 0; pixel < size * size; pixel++)
      for (let c = 0; c < 3; c++)
        data[4 * pixel + c] = Math.round(127.5 * (1 + own[pixel * channels + Math.min(c, channels - 1)] / largest));
    return { width: size, height: size, data };
  });
  drawTiles(canvas, tiles, 8);
}
