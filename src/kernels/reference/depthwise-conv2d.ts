import { activate } from './activation';
import type { ReferenceKernel } from './reference-kernel';

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
