import type { KernelCall } from '../kernel';
import { windowRows } from './conv2d';
import type { Job, Planning } from './job';
import { transposedProductJobs } from './transposed-product';

/** Forward is Y = W K with a window of the input in each row of W, so dK = W^T dY, over the same rows. */
export const conv2dFilterGradient = (
  { inputs, outputs, attributes }: KernelCall<'conv2dFilterGradient'>,
  planning: Planning,
): Job[] => {
  const { batch, outHeight, outWidth, filterHeight, filterWidth, inChannels, outChannels } = attributes;
  const windows = windowRows(attributes, planning.address(inputs.input), planning);
  const product = transposedProductJobs(
    {
      positions: batch * outHeight * outWidth,
      rows: filterHeight * filterWidth * inChannels,
      columns: outChannels,
      source: windows.source,
      left: windows.address,
      right: planning.address(inputs.outputGradient),
      output: planning.address(outputs.output),
    },
    planning,
  );
  return [...windows.jobs, ...product];
};
