import type { KernelCall } from '../kernel';

/** Names of tiles (see candidates.ts) by shapeKey(): which is fastest for which sizes, as measured on one adapter. */
export type TileTable = ReadonlyMap<string, string>;

/** The sizes of a call that has tiles to choose from, in words: calls of one key take the same time. */
export function shapeKey(call: KernelCall): string | undefined {
  switch (call.kernel) {
    case 'conv2d':
    case 'conv2dInputGradient':
    case 'conv2dFilterGradient': {
      const { batch, height, width, inChannels, outHeight, outWidth, outChannels } = call.attributes;
      const { filterHeight, filterWidth, strideY, strideX } = call.attributes;
      const image = `${batch}x${height}x${width}x${inChannels}`;
      const filter = `${filterHeight}x${filterWidth}/${strideY}x${strideX}`;
      return `${call.kernel} ${image}, ${filter}, to ${outHeight}x${outWidth}x${outChannels}`;
    }
    case 'matmul': {
      const { rows, inner, columns, transposeLeft, transposeRight } = call.attributes;
      const left = `${rows}x${inner}${transposeLeft ? ' transposed' : ''}`;
      return `matmul ${left}, ${inner}x${columns}${transposeRight ? ' transposed' : ''}`;
    }
    default:
      return undefined;
  }
}
