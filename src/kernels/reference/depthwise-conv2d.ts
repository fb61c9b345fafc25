import { activate } from './activation';
import type { ReferenceKernel } from './reference-kernel';
import { forEachPair } from './window';

// Y[n,i,j,c] = f(bias[c] + sum over p,q of X[n, i*strideY+p-top, j*strideX+q-left, c] * K[p,q,c])
export const depthwiseConv2d: ReferenceKernel<'depthwiseConv2d'> = ({ inputs, outputs, attributes }, at) => {
  const { batch, height, width, channels, outHeight, outWidth } = attributes;
  const { filterHeight, filterWidth, strideY, strideX, top, left } = attributes;
  const input = at(inputs.input);
  const filter = at(inputs.filter);
  const bias = inputs.bias && at(inputs.bias);
  const output = at(outputs.output);

  for (let n = 0; n < batch; n++)
    for (let i = 0; i < outHeight; i++)
      for (let j = 0; j < outWidth; j++)
        for (let c = 0; c < channels; c++) {
          let sum = bias ? bias[c] : 0;
          for (let p = 0; p < filterHeight; p++) {
            const y = i * strideY + p - top;
            if (y < 0 || y >= height) continue;
            for (let q = 0; q < filterWidth; q++) {
              const x = j * strideX + q - left;
              if (x < 0 || x >= width) continue;
              sum +=
                input[((n * height + y) * width + x) * channels + c] * filter[(p * filterWidth + q) * channels + c];
            }
          }
          output[((n * outHeight + i) * outWidth + j) * channels + c] = activate(sum, attributes.activation);
        }
};

// dX[n,y,x,c] = sum over i,j,p,q with y = i*strideY+p-top, x = j*strideX+q-left of dY[n,i,j,c] * K[p,q,c]
export const depthwiseConv2dInputGradient: ReferenceKernel<'depthwiseConv2dInputGradient'> = (
  { inputs, outputs, attributes },
  at,
) => {
  const { channels } = attributes;
  const outputGradient = at(inputs.outputGradient);
  const filter = at(inputs.filter);
  const inputGradient = at(outputs.output).fill(0);
  forEachPair(attributes, (pixel, weight, place) => {
    for (let c = 0; c < channels; c++)
      inputGradient[pixel * channels + c] += outputGradient[place * channels + c] * filter[weight * channels + c];
  });
};

// dK[p,q,c] = sum over n,i,j of X[n, i*strideY+p-top, j*strideX+q-left, c] * dY[n,i,j,c]
export const depthwiseConv2dFilterGradient: ReferenceKernel<'depthwiseConv2dFilterGradient'> = (
  { inputs, outputs, attributes },
  at,
) => {
  const { channels } = attributes;
  const input = at(inputs.input);
  const outputGradient = at(inputs.outputGradient);
  const filterGradient = at(outputs.output).fill(0);
  forEachPair(attributes, (pixel, weight, place) => {
    for (let c = 0; c < channels; c++)
      filterGradient[weight * channels + c] += input[pixel * channels + c] * outputGradient[place * channels + c];
  });
};
