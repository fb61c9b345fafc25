import { activate } from './activation';
import type { ReferenceKernel } from './reference-kernel';

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
