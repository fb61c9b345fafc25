import type { KernelCall } from './kernel';

/**
 * The multiplications, each with its addition, of a call's textbook sum: what convolutions and products take, whichever
 * way a backend finds to do with fewer. 0 for everything else.
 */
export function multiplyAdds(call: KernelCall): number {
  switch (call.kernel) {
    case 'conv2d':
    case 'conv2dInputGradient':
    case 'conv2dFilterGradient': {
      const { batch, outHeight, outWidth, filterHeight, filterWidth, inChannels, outChannels } = call.attributes;
      return batch * outHeight * outWidth * filterHeight * filterWidth * inChannels * outChannels;
    }
    case 'depthwiseConv2d':
    case 'depthwiseConv2dInputGradient':
    case 'depthwiseConv2dFilterGradient': {
      const { batch, outHeight, outWidth, filterHeight, filterWidth, channels } = call.attributes;
      return batch * outHeight * outWidth * filterHeight * filterWidth * channels;
    }
    case 'matmul': {
      const { rows, inner, columns } = call.attributes;
      return rows * inner * columns;
    }
    default:
      return 0;
  }
}
