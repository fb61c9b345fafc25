import type { Point } from './align';
import type { Box } from './boxes';
import { GLYPH_SIZE, glyphsOf } from './glyphs';
import type { RawImage } from './image';

/** What to draw for one face; all of it in pixels of the photo. */
export interface Mark {
  box: Box;
  points?: readonly Point[];
  /** A few words above the box: a score, a name. */
  label?: string;
}

type Colour = readonly [red: number, green: number, blue: number];

const GREEN: Colour = [40, 220, 110];
const YELLOW: Colour = [255, 225, 60];
const BLACK: Colour = [16, 24, 20];

/** A copy of a photo with boxes, points and labels drawn on it; what reaches beyond the photo is cut off. */
export function annotate(photo: RawImage, marks: readonly Mark[]): RawImage {
  const picture = { ...photo, data: Uint8Array.from(photo.data) };
  // Two pixels wide on a photo of 1,000 pixels, three on one of 1,900.
  const stroke = Math.max(1, Math.round(Math.max(photo.width, photo.height) / 640));
  for (const { box, points, label } of marks) {
    drawFrame(picture, box, stroke);
    // Points count from the middle of the first pixel, rectangles from its edge.
    const reach = (stroke - 1) / 2;
    for (const [x, y] of points ?? []) fill(picture, [x - reach, y - reach, stroke, stroke], YELLOW);
    if (label) drawLabel(picture, box, label, stroke);
  }
  return picture;
}

/** Around the box, so that the face within stays as it is. */
function drawFrame(picture: RawImage, [x, y, width, height]: Box, stroke: number) {
  fill(picture, [x - stroke, y - stroke, width + 2 * stroke, stroke], GREEN);
  fill(picture, [x - stroke, y + height, width + 2 * stroke, stroke], GREEN);
  fill(picture, [x - stroke, y, stroke, height], GREEN);
  fill(picture, [x + width, y, stroke, height], GREEN);
}

/** Green on black above the box, or at the photo's upper edge where there is no room. */
function drawLabel(picture: RawImage, [boxX, boxY]: Box, text: string, stroke: number) {
  const glyphs = glyphsOf(text);
  const dot = stroke;
  const [width, height] = [(glyphs.length * (GLYPH_SIZE + 1) + 1) * dot, (GLYPH_SIZE + 2) * dot];
  const left = Math.max(0, Math.min(Math.round(boxX) - stroke, picture.width - width));
  const top = Math.max(0, Math.round(boxY) - stroke - height);
  fill(picture, [left, top, width, height], BLACK);
  for (const [index, rows] of glyphs.entries())
    for (const [row, dots] of rows.entries())
      for (let column = 0; column < GLYPH_SIZE; column++)
        if (dots[column] === '#')
          fill(picture, [left + (index * (GLYPH_SIZE + 1) + column + 1) * dot, top + (row + 1) * dot, dot, dot], GREEN);
}

/** Paints a rectangle; its edges are rounded to whole pixels. */
function fill({ width, height, data }: RawImage, [x, y, boxWidth, boxHeight]: Box, [red, green, blue]: Colour) {
  const [left, right] = [Math.max(0, Math.round(x)), Math.min(width, Math.round(x + boxWidth))];
  const [top, bottom] = [Math.max(0, Math.round(y)), Math.min(height, Math.round(y + boxHeight))];
  for (let row = top; row < bottom; row++)
    for (let at = 4 * (row * width + left); at < 4 * (row * width + right); at += 4) {
      data[at] = red;
      data[at + 1] = green;
      data[at + 2] = blue;
      data[at + 3] = 255;
    }
}
