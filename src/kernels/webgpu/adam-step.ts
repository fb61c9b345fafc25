import { type WebgpuKernel, workgroupsFor } from './dispatch';

export const adamStep: WebgpuKernel<'adamStep'> = ({ inputs, outputs, attributes }) => {
  const { length, gradientFactor, beta1, beta2, rate, epsilon, shrink } = attributes;
  return [
    {
      shader: 'adamStep',
      inputs: [inputs.gradient],
      output: outputs.parameter,
      moreOutputs: [outputs.mean, outputs.square],
      integers: [length],
      reals: [gradientFactor, beta1, 1 - beta1, beta2, 1 - beta2, rate, epsilon, shrink],
      workgroups: workgroupsFor(length),
    },
  ];
};
