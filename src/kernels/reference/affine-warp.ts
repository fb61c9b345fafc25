import type { ReferenceKernel } from './reference-kernel';

// Y[n,i,j,c] = X sampled at x = m0*j + m1*i + m2, y = m3*j + m4*i + m5 (m the n-th matrix); outside the image is zero.
// Bilinear: the four pixels around (x, y), each weighted by the area of the opposite rectangle.
export const affineWarp: ReferenceKernel<'affineWarp'> = ({ inputs, outputs, attributes }, at) => {
  const { batch, height, width, channels, outHeight, outWidth } = attributes;
  const image = at(inputs.image);
  const matrices = at(inputs.matrices);
  const output = at(outputs.output);
  for (let n = 0; n < batch; n++) {
    const m = matrices.subarray(6 * n, 6 * n + 6);
    for (let i = 0; i < outHeight; i++)
      for (let j = 0; j < outWidth; j++) {
        const x = m[0] * j + m[1] * i + m[2];
        const y = m[3] * j + m[4] * i + m[5];
        const column = Math.floor(x);
        const row = Math.floor(y);
        const right = x - column;
        const down = y - row;
        for (let c = 0; c < channels; c++) {
          const pixel = (r: number, q: number) =>
            r >= 0 && r < height && q >= 0 && q < width ? image[(r * width + q) * channels + c] : 0;
          output[((n * outHeight + i) * outWidth + j) * channels + c] =
            (1 - down) * ((1 - right) * pixel(row, column) + right * pixel(row, column + 1)) +
            down * ((1 - right) * pixel(row + 1, column) + right * pixel(row + 1, column + 1));
        }
      }
  }
};
