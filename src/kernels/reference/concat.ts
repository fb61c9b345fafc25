import type { ReferenceKernel } from './reference-kernel';

// Y[o, start of part k + i] = part k [o,i]
export const concat: ReferenceKernel<'concat'> = ({ inputs, outputs, attributes: { outer, inners } }, at) => {
  const output = at(outputs.output);
  const total = inners.reduce((sum, inner) => sum + inner, 0);
  let start = 0;
  inputs.parts.forEach((slot, k) => {
    const part = at(slot);
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inners[k]; i++) output[o * total + start + i] = part[o * inners[k] + i];
    start += inners[k];
  });
};

// Y[o,i] = X[o, start + i]
export const slice: ReferenceKernel<'slice'> = ({ inputs, outputs, attributes }, at) => {
  const { outer, total, start, inner } = attributes;
  const input = at(inputs.input);
  const output = at(outputs.output);
  for (let o = 0; o < outer; o++) for (let i = 0; i < inner; i++) output[o * inner + i] = input[o * total + start + i];
};
