import type { WindowSizes } from '../../kernels/kernel';
import { formatShape, type Shape, ShapeError } from '../shape';

/** Steps between windows, in pixels: both ways, or [vertical, horizontal]. */
export type Stride = number | readonly [number, number];

/**
 * Zeros around an image. 'valid': none. 'same': as TensorFlow means it, so that the output has
 * ceil(side / stride) pixels; an odd remainder goes below and right. Or the four sides, in pixels.
 */
export type Padding = 'same' | 'valid' | { top: number; bottom: number; left: number; right: number };

/** @throws ShapeError when the window exceeds the padded image, or for a stride or padding that is not a whole number */
export function windowSizes(
  operation: string,
  [batch, height, width]: Shape,
  [filterHeight, filterWidth]: Shape,
  stride: Stride,
  padding: Padding,
): WindowSizes {
  const [strideY, strideX] = typeof stride === 'number' ? [stride, stride] : stride;
  for (const step of [strideY, strideX])
    if (!Number.isInteger(step) || step < 1)
      throw new ShapeError(`${operation}: stride ${step} is not a positive whole number`);

  const along = (side: number, filter: number, step: number, before: number, after: number) => {
    if (padding === 'same') {
      const out = Math.ceil(side / step);
      return { out, before: Math.floor(Math.max((out - 1) * step + filter - side, 0) / 2) };
    }
    if (side + before + after < filter)
      throw new ShapeError(
        `${operation}: a window of ${filter} does not fit into image ${formatShape([height, width])} padded by ${before} + ${after}`,
      );
    return { out: Math.floor((side + before + after - filter) / step) + 1, before };
  };
  const sides = typeof padding === 'string' ? { top: 0, bottom: 0, left: 0, right: 0 } : padding;
  for (const zeros of [sides.top, sides.bottom, sides.left, sides.right])
    if (!Number.isInteger(zeros) || zeros < 0)
      throw new ShapeError(`${operation}: padding of ${zeros} is not a whole number from 0`);
  const vertical = along(height, filterHeight, strideY, sides.top, sides.bottom);
  const horizontal = along(width, filterWidth, strideX, sides.left, sides.right);
  return {
    batch,
    height,
    width,
    outHeight: vertical.out,
    outWidth: horizontal.out,
    filterHeight,
    filterWidth,
    strideY,
    strideX,
    top: vertical.before,
    left: horizontal.before,
  };
}
