import type { ReferenceKernel } from './reference-kernel';

// g[i] = gradientFactor * gradient[i]
// mean[i] = beta1 * mean[i] + (1 - beta1) * g[i];   square[i] = beta2 * square[i] + (1 - beta2) * g[i]^2
// parameter[i] = parameter[i] * shrink - rate * mean[i] / (sqrt(square[i]) + epsilon)     (Kingma and Ba 2015, algorithm 1)
export const adamStep: ReferenceKernel<'adamStep'> = ({ inputs, outputs, attributes }, at) => {
  const { length, gradientFactor, beta1, beta2, rate, epsilon, shrink } = attributes;
  const gradient = at(inputs.gradient);
  const parameter = at(outputs.parameter);
  const mean = at(outputs.mean);
  const square = at(outputs.square);
  for (let i = 0; i < length; i++) {
    const g = gradientFactor * gradient[i];
    mean[i] = beta1 * mean[i] + (1 - beta1) * g;
    square[i] = beta2 * square[i] + (1 - beta2) * g * g;
    parameter[i] = parameter[i] * shrink - (rate * mean[i]) / (Math.sqrt(square[i]) + epsilon);
  }
};
