import type { ReferenceKernel } from './reference-kernel';

// mean[c] = (1 - momentum) * mean[c] + momentum * moments[0,c]
// variance[c] = (1 - momentum) * variance[c] + momentum * unbiased * moments[1,c]     (Ioffe and Szegedy 2015, section 3.1)
export const updateMoments: ReferenceKernel<'updateMoments'> = ({ inputs, outputs, attributes }, at) => {
  const { channels, momentum, unbiased } = attributes;
  const moments = at(inputs.moments);
  const mean = at(outputs.mean);
  const variance = at(outputs.variance);
  for (let c = 0; c < channels; c++) {
    mean[c] = (1 - momentum) * mean[c] + momentum * moments[c];
    variance[c] = (1 - momentum) * variance[c] + momentum * unbiased * moments[channels + c];
  }
};
