import type { ChannelWindowSizes } from '../kernel';
import type { ReferenceKernel } from './reference-kernel';

/** Calls `visit` for every output number with the places of its window that lie inside the image. */
function forEachWindow(sizes: ChannelWindowSizes, visit: (place: number, window: number[]) => void): void {
  const { batch, height, width, channels, outHeight, outWidth } = sizes;
  const { filterHeight, filterWidth, strideY, strideX, top, left } = sizes;
  for (let n = 0; n < batch; n++)
    for (let i = 0; i < outHeight; i++)
      for (let j = 0; j < outWidth; j++)
        for (let c = 0; c < channels; c++) {
          const window: number[] = [];
          for (let p = 0; p < filterHeight; p++)
            for (let q = 0; q < filterWidth; q++) {
              const y = i * strideY + p - top;
              const x = j * strideX + q - left;
              if (y >= 0 && y < height && x >= 0 && x < width)
                window.push(((n * height + y) * width + x) * channels + c);
            }
          visit(((n * outHeight + i) * outWidth + j) * channels + c, window);
        }
}

// Y[n,i,j,c] = max over the window of X[n, i*strideY+p-top, j*strideX+q-left, c]
export const maxPool2d: ReferenceKernel<'maxPool2d'> = ({ inputs, outputs, attributes }, at) => {
  const input = at(inputs.input);
  const output = at(outputs.output);
  forEachWindow(attributes, (place, window) => {
    output[place] = Math.max(...window.map((source) => input[source]));
  });
};

// Y[n,i,j,c] = mean over the window of X, positions outside the image left out; 0 in channels that X does not have
export const averagePool2d: ReferenceKernel<'averagePool2d'> = ({ inputs, outputs, attributes }, at) => {
  const input = at(inputs.input);
  const output = at(outputs.output).fill(0);
  const { channels, outChannels = channels } = attributes;
  forEachWindow(attributes, (place, window) => {
    const pixel = Math.floor(place / channels);
    const mean = window.reduce((sum, source) => sum + input[source], 0) / window.length;
    output[pixel * outChannels + (place % channels)] = mean;
  });
};

// dX: each dY[n,i,j,c] goes to the first of the largest positions of its window
export const maxPool2dGradient: ReferenceKernel<'maxPool2dGradient'> = ({ inputs, outputs, attributes }, at) => {
  const input = at(inputs.input);
  const outputGradient = at(inputs.outputGradient);
  const inputGradient = at(outputs.output).fill(0);
  forEachWindow(attributes, (place, window) => {
    const largest = window.reduce((best, source) => (input[source] > input[best] ? source : best));
    inputGradient[largest] += outputGradient[place];
  });
};

// dX: each dY[n,i,j,c] is shared equally by the positions of its window
export const averagePool2dGradient: ReferenceKernel<'averagePool2dGradient'> = (
  { inputs, outputs, attributes },
  at,
) => {
  const outputGradient = at(inputs.outputGradient);
  const inputGradient = at(outputs.output).fill(0);
  forEachWindow(attributes, (place, window) => {
    for (const source of window) inputGradient[source] += outputGradient[place] / window.length;
  });
};
