import type { ReferenceKernel } from './reference-kernel';

// Y[n,i,j,c] = X sampled at (row (i + 1/2) * height / outHeight - 1/2, column likewise), clamped to the image
export const resizeBilinear: ReferenceKernel<'resizeBilinear'> = ({ inputs, outputs, attributes }, at) => {
  const { batch, height, width, channels, outHeight, outWidth } = attributes;
  const input = at(inputs.input);
  const output = at(outputs.output);
  const clamp = (value: number, last: number) => Math.min(Math.max(value, 0), last);
  for (let n = 0; n < batch; n++)
    for (let i = 0; i < outHeight; i++) {
      const y = clamp(((i + 0.5) * height) / outHeight - 0.5, height - 1);
      const upper = Math.floor(y);
      const lower = Math.min(upper + 1, height - 1);
      for (let j = 0; j < outWidth; j++) {
        const x = clamp(((j + 0.5) * width) / outWidth - 0.5, width - 1);
        const before = Math.floor(x);
        const after = Math.min(before + 1, width - 1);
        for (let c = 0; c < channels; c++) {
          const pixel = (row: number, column: number) => input[((n * height + row) * width + column) * channels + c];
          const upperRow = pixel(upper, before) * (1 - (x - before)) + pixel(upper, after) * (x - before);
          const lowerRow = pixel(lower, before) * (1 - (x - before)) + pixel(lower, after) * (x - before);
          output[((n * outHeight + i) * outWidth + j) * channels + c] =
            upperRow * (1 - (y - upper)) + lowerRow * (y - upper);
        }
      }
    }
};
