import type { ReferenceKernel } from './reference-kernel';

// Y[n, i+top, j+left, c] = X[n,i,j,c], zero elsewhere
export const pad: ReferenceKernel<'pad'> = ({ inputs, outputs, attributes }, at) => {
  const { batch, height, width, channels, outHeight, outWidth, outChannels, top, left } = attributes;
  const input = at(inputs.input);
  const output = at(outputs.output).fill(0);
  for (let n = 0; n < batch; n++)
    for (let i = 0; i < height; i++)
      for (let j = 0; j < width; j++)
        for (let c = 0; c < channels; c++)
          output[((n * outHeight + i + top) * outWidth + j + left) * outChannels + c] =
            input[((n * height + i) * width + j) * channels + c];
};

// Y[n,i,j,c] = X[n, i+top, j+left, c]
export const crop: ReferenceKernel<'crop'> = ({ inputs, outputs, attributes }, at) => {
  const { batch, height, width, channels, outHeight, outWidth, outChannels, top, left } = attributes;
  const input = at(inputs.input);
  const output = at(outputs.output);
  for (let n = 0; n < batch; n++)
    for (let i = 0; i < height; i++)
      for (let j = 0; j < width; j++)
        for (let c = 0; c < channels; c++)
          output[((n * height + i) * width + j) * channels + c] =
            input[((n * outHeight + i + top) * outWidth + j + left) * outChannels + c];
};
