import { conv2d } from './conv2d';
import type { WebgpuKernel } from './dispatch';

/** A product of matrices is a convolution of `rows` images of one pixel with a filter of one pixel: the same tiles serve. */
export const matmul: WebgpuKernel<'matmul'> = ({ inputs, outputs, attributes }) =>
  conv2d({
    kernel: 'conv2d',
    inputs: { input: inputs.left, filter: inputs.right, bias: inputs.bias },
    outputs,
    attributes: {
      batch: attributes.rows,
      inChannels: attributes.inner,
      outChannels: attributes.columns,
      height: 1,
      width: 1,
      outHeight: 1,
      outWidth: 1,
      filterHeight: 1,
      filterWidth: 1,
      strideY: 1,
      strideX: 1,
      top: 0,
      left: 0,
      activation: attributes.activation,
    },
  });
