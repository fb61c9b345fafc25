import type { WebgpuKernel } from './dispatch';
import { reduce, shareRows } from './reduction';
import { inputWorkgroups, windowIntegers } from './window';

export const depthwiseConv2dInputGradient: WebgpuKernel<'depthwiseConv2dInputGradient'> = (call) => [
  {
    shader: 'depthwiseConv2dInputGradient',
    inputs: [call.inputs.outputGradient, call.inputs.filter],
    output: call.outputs.output,
    integers: windowIntegers(call.attributes),
    workgroups: inputWorkgroups(call.attributes),
  },
];

export const depthwiseConv2dFilterGradient: WebgpuKernel<'depthwiseConv2dFilterGradient'> = (call) => {
  const { batch, height, width, channels, outHeight, outWidth } = call.attributes;
  const { filterHeight, filterWidth, strideY, strideX, top, left } = call.attributes;
  return reduce(
    {
      shader: 'depthwiseConv2dFilterGradient',
      inputs: [call.inputs.input, call.inputs.outputGradient],
      integers: [height, width, channels, outHeight, outWidth, filterWidth, strideY, strideX, top, left],
    },
    shareRows(batch * outHeight * outWidth, filterHeight * filterWidth * channels),
    call.outputs.output,
  );
};
