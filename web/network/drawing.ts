import type { RawImage } from '../../src/face/image';
import type { Numbers } from '../../src/kernels/backend';
import { contextOf, html, paint } from '../dom';
import type { MapShape } from './explain';

/** From the lowest number to the highest; 0 is nearly black, so that what is there shines, on a page of any colour. */
const STOPS = [
  [190, 205, 255],
  [84, 112, 214],
  [24, 26, 34],
  [214, 112, 40],
  [255, 226, 180],
] as const;

/** @param share of the range: from -1 to 1; beyond, the last colour */
function colourOf(share: number): [red: number, green: number, blue: number] {
  const place = (Math.min(1, Math.max(-1, share)) + 1) * 2;
  const before = Math.min(STOPS.length - 2, Math.floor(place));
  const mixed = (k: number) => STOPS[before][k] + (place - before) * (STOPS[before + 1][k] - STOPS[before][k]);
  return [mixed(0), mixed(1), mixed(2)];
}

/** One channel of maps [height, width, channels] as a picture, a pixel a number. */
export function pictureOf(
  values: Numbers,
  { height, width, channels }: MapShape,
  channel: number,
  range: number,
): RawImage {
  const data = new Uint8ClampedArray(4 * height * width).fill(255);
  for (let k = 0; k < height * width; k++) data.set(colourOf(values[k * channels + channel] / range), 4 * k);
  return { width, height, data };
}

/** A filter of three channels in colours: grey is 0, and its largest weight is as bright or dark as can be. */
export function colourFilter(values: Numbers, { height, width }: MapShape): RawImage {
  const largest = Math.max(1e-12, ...values.map(Math.abs));
  const data = new Uint8ClampedArray(4 * height * width).fill(255);
  for (let k = 0; k < values.length; k++)
    data[4 * Math.floor(k / 3) + (k % 3)] = Math.round(127.5 * (1 + values[k] / largest));
  return { width, height, data };
}

const GRID_WIDTH = 576;
const GAP = 4;

/** How pictures lie on a canvas. */
export interface Grid {
  columns: number;
  rows: number;
  /** From one picture to the next, in pixels of the canvas. */
  step: number;
}

export function gridOf(count: number): Grid {
  const columns = count <= 4 ? count : count <= 64 ? 8 : 16;
  return { columns, rows: Math.ceil(count / columns), step: Math.floor(GRID_WIDTH / Math.max(4, columns)) };
}

/** Pictures side by side, enlarged without smoothing, one of them framed. */
export function drawGrid(canvas: HTMLCanvasElement, pictures: readonly RawImage[], framed?: number): Grid {
  const grid = gridOf(pictures.length);
  const { columns, rows, step } = grid;
  canvas.width = columns * step;
  canvas.height = rows * step;
  const context = contextOf(canvas);
  context.imageSmoothingEnabled = false;
  const scratch = html('canvas');
  for (const [k, picture] of pictures.entries()) {
    const [x, y] = [(k % columns) * step, Math.floor(k / columns) * step];
    paint(scratch, picture);
    context.drawImage(scratch, x + GAP / 2, y + GAP / 2, step - GAP, step - GAP);
    if (k === framed) frame(context, x + GAP / 2, y + GAP / 2, step - GAP, step - GAP);
  }
  return grid;
}

/** One picture, enlarged, with a window of its pixels framed. */
export function drawEnlarged(
  canvas: HTMLCanvasElement,
  picture: RawImage,
  { top, left, height, width }: { top: number; left: number; height: number; width: number },
): void {
  const scale = Math.max(2, Math.round(288 / picture.width));
  canvas.width = picture.width * scale;
  canvas.height = picture.height * scale;
  const context = contextOf(canvas);
  context.imageSmoothingEnabled = false;
  const own = html('canvas');
  paint(own, picture);
  context.drawImage(own, 0, 0, canvas.width, canvas.height);
  frame(context, left * scale, top * scale, width * scale, height * scale);
}

/** White within dark, to be seen on both. */
function frame(context: CanvasRenderingContext2D, x: number, y: number, width: number, height: number): void {
  for (const [colour, line] of [
    ['#14161c', 5],
    ['#ffffff', 2],
  ] as const) {
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.strokeRect(x, y, width, height);
  }
}

/** What the colours stand for. */
export function legend(range: number, inWords: (value: number) => string): HTMLElement {
  const canvas = html('canvas', { width: 201, height: 10, 'aria-hidden': 'true' });
  const context = contextOf(canvas);
  for (let x = 0; x < 201; x++) {
    context.fillStyle = `rgb(${colourOf(x / 100 - 1)
      .map(Math.round)
      .join(' ')})`;
    context.fillRect(x, 0, 1, 10);
  }
  const [lowest, highest] = [-range, range].map((end) => html('span', {}, inWords(end)));
  return html('p', { class: 'network-legend' }, lowest, canvas, highest);
}
