import { activate } from './activation';
import type { ReferenceKernel } from './reference-kernel';
import { forEachPair } from './window';

// Y[n,i,j,o] = f(bias[o] + R[n,i,j,o] + sum over p,q,c of X[n, i*strideY+p-top, j*strideX+q-left, c] * K[p,q,c,o])
export const conv2d: ReferenceKernel<'conv2d'> = ({ inputs, outputs, attributes }, at) => {
  const { batch, height, width, inChannels, outHeight, outWidth, outChannels } = attributes;
  const { filterHeight, filterWidth, strideY, strideX, top, left } = attributes;
  const input = at(inputs.input);
  const filter = at(inputs.filter);
  const bias = inputs.bias && at(inputs.bias);
  const residual = inputs.residual && at(inputs.residual);
  const output = at(outputs.output);

  for (let n = 0; n < batch; n++)
    for (let i = 0; i < outHeight; i++)
      for (let j = 0; j < outWidth; j++)
        for (let o = 0; o < outChannels; o++) {
          const place = ((n * outHeight + i) * outWidth + j) * outChannels + o;
          let sum = (bias ? bias[o] : 0) + (residual ? residual[place] : 0);
          for (let p = 0; p < filterHeight; p++) {
            const y = i * strideY + p - top;
            if (y < 0 || y >= height) continue; // outside the image is zero
            for (let q = 0; q < filterWidth; q++) {
              const x = j * strideX + q - left;
              if (x < 0 || x >= width) continue;
              const pixel = ((n * height + y) * width + x) * inChannels;
              const weight = (p * filterWidth + q) * inChannels;
              for (let c = 0; c < inChannels; c++) sum += input[pixel + c] * filter[(weight + c) * outChannels + o];
            }
          }
          output[place] = activate(sum, attributes.activation);
        }
};

// dX[n,y,x,c] = sum over i,j,p,q,o with y = i*strideY+p-top, x = j*strideX+q-left of dY[n,i,j,o] * K[p,q,c,o], plus the addend
export const conv2dInputGradient: ReferenceKernel<'conv2dInputGradient'> = ({ inputs, outputs, attributes }, at) => {
  const { inChannels, outChannels } = attributes;
  const outputGradient = at(inputs.outputGradient);
  const filter = at(inputs.filter);
  const inputGradient = at(outputs.output).fill(0);
  forEachPair(attributes, (pixel, weight, place) => {
    for (let c = 0; c < inChannels; c++)
      for (let o = 0; o < outChannels; o++)
        inputGradient[pixel * inChannels + c] +=
          outputGradient[place * outChannels + o] * filter[(weight * inChannels + c) * outChannels + o];
  });
  if (!inputs.addend) return;
  const addend = at(inputs.addend);
  for (let i = 0; i < addend.length; i++) inputGradient[i] += addend[i];
};

// dK[p,q,c,o] = sum over n,i,j of X[n, i*strideY+p-top, j*strideX+q-left, c] * dY[n,i,j,o]
export const conv2dFilterGradient: ReferenceKernel<'conv2dFilterGradient'> = ({ inputs, outputs, attributes }, at) => {
  const { inChannels, outChannels } = attributes;
  const input = at(inputs.input);
  const outputGradient = at(inputs.outputGradient);
  const filterGradient = at(outputs.output).fill(0);
  forEachPair(attributes, (pixel, weight, place) => {
    for (let c = 0; c < inChannels; c++)
      for (let o = 0; o < outChannels; o++)
        filterGradient[(weight * inChannels + c) * outChannels + o] +=
          input[pixel * inChannels + c] * outputGradient[place * outChannels + o];
  });
};
