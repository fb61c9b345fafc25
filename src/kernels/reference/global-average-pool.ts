import type { ReferenceKernel } from './reference-kernel';

// Y[n,c] = (1 / positions) * sum over the positions of X[n,position,c]
export const globalAveragePool: ReferenceKernel<'globalAveragePool'> = ({ inputs, outputs, attributes }, at) => {
  const { batch, positions, channels } = attributes;
  const input = at(inputs.input);
  const output = at(outputs.output);
  for (let n = 0; n < batch; n++)
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let position = 0; position < positions; position++) sum += input[(n * positions + position) * channels + c];
      output[n * channels + c] = sum / positions;
    }
};

// dX[n,position,c] = dY[n,c] / positions
export const globalAveragePoolGradient: ReferenceKernel<'globalAveragePoolGradient'> = (
  { inputs, outputs, attributes },
  at,
) => {
  const { batch, positions, channels } = attributes;
  const outputGradient = at(inputs.outputGradient);
  const inputGradient = at(outputs.output);
  for (let n = 0; n < batch; n++)
    for (let position = 0; position < positions; position++)
      for (let c = 0; c < channels; c++)
        inputGradient[(n * positions + position) * channels + c] = outputGradient[n * channels + c] / positions;
};
