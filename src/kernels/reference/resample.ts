import type { ReferenceKernel } from './reference-kernel';

// Y[o,j,i] = sum over t of w[t,j] * X[o, places[t,j], i], `fill` where the place is -1
export const resample: ReferenceKernel<'resample'> = ({ inputs, outputs, attributes }, at) => {
  const { outer, side, outSide, inner, taps, fill } = attributes;
  const input = at(inputs.input);
  const places = at(inputs.places);
  const weights = at(inputs.weights);
  const output = at(outputs.output);
  for (let o = 0; o < outer; o++)
    for (let j = 0; j < outSide; j++)
      for (let i = 0; i < inner; i++) {
        let sum = 0;
        for (let t = 0; t < taps; t++) {
          const place = places[t * outSide + j];
          sum += weights[t * outSide + j] * (place < 0 ? fill : input[(o * side + place) * inner + i]);
        }
        output[(o * outSide + j) * inner + i] = sum;
      }
};
