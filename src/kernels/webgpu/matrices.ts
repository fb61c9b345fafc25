import type { KernelCall } from '../kernel';
import { tiledConv2d } from './conv2d';
import { enoughParts, filterTile, tiledFilterGradient, tiledInputGradient } from './conv2d-gradient';
import type { Dispatch } from './dispatch';
import { chooseTile, MATRIX_TILES, type MatrixTile, workgroupsOf } from './gemm';
import { lanesOf } from './lanes';
import { asConvolution } from './matmul';

/** Channels from which on a block of 16 of them is not mostly empty. */
const LEAST_CHANNELS = 16;
/** With fewer of them the other form is faster, which has several groups of threads share the terms of a sum. */
const LEAST_WORKGROUPS = 64;

export type Product = KernelCall<'conv2d' | 'conv2dInputGradient' | 'conv2dFilterGradient'>;

/** A product with a tile of one's choice. */
export function productOfMatrices(call: Product, tile: MatrixTile): Dispatch[] {
  switch (call.kernel) {
    case 'conv2d':
      return [tiledConv2d(call, tile)];
    case 'conv2dInputGradient':
      return [tiledInputGradient(call, tile)];
    case 'conv2dFilterGradient':
      return tiledFilterGradient(call, tile, enoughParts(tile, call.attributes));
  }
}

/**
 * What is done for a call where small matrices of halves are multiplied at once (gemm-matrices.wgsl). Undefined where a
 * call is no such product, a small one, or one of single numbers: then it is done as everywhere.
 */
export function matrixDispatches(call: KernelCall): Dispatch[] | undefined {
  if (call.kernel === 'matmul') {
    const convolution = asConvolution(call);
    return convolution && matrixDispatches(convolution);
  }
  if (call.kernel !== 'conv2d' && call.kernel !== 'conv2dInputGradient' && call.kernel !== 'conv2dFilterGradient')
    return undefined;
  const { batch, height, width, inChannels, outHeight, outWidth, outChannels } = call.attributes;
  if (lanesOf(inChannels, outChannels) !== 4 || Math.min(inChannels, outChannels) < LEAST_CHANNELS) return undefined;
  if (call.kernel === 'conv2dFilterGradient') return productOfMatrices(call, filterTile(MATRIX_TILES, call.attributes));
  const [rows, columns] =
    call.kernel === 'conv2d' ? [batch * outHeight * outWidth, outChannels] : [batch * height * width, inChannels];
  const tile = chooseTile(MATRIX_TILES, rows, columns);
  if (workgroupsOf(tile, rows, columns) < LEAST_WORKGROUPS) return undefined;
  return productOfMatrices(call, tile);
}
