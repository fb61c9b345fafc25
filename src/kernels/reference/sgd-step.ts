import type { ReferenceKernel } from './reference-kernel';

// g = gradientFactor * gradient[i] + weightDecay * parameter[i];   velocity[i] = momentum * velocity[i] + g
// parameter[i] = parameter[i] - rate * (nesterov ? g + momentum * velocity[i] : velocity[i])     (Sutskever et al. 2013)
export const sgdStep: ReferenceKernel<'sgdStep'> = ({ inputs, outputs, attributes }, at) => {
  const { length, gradientFactor, rate, momentum, weightDecay, nesterov } = attributes;
  const gradient = at(inputs.gradient);
  const parameter = at(outputs.parameter);
  const velocity = outputs.velocity && at(outputs.velocity);
  for (let i = 0; i < length; i++) {
    const g = gradientFactor * gradient[i] + weightDecay * parameter[i];
    let direction = g;
    if (velocity) {
      velocity[i] = momentum * velocity[i] + g;
      direction = nesterov ? g + momentum * velocity[i] : velocity[i];
    }
    parameter[i] -= rate * direction;
  }
};
