import type { Activation } from '../kernel';
import type { ReferenceKernel } from './reference-kernel';

/** f(z) = min(ceiling, z > 0 ? z : slope * z). Slope 0 is its own case, or f(-Infinity) would be 0 * -Infinity = NaN. */
export function activate(z: number, { slope, ceiling }: Activation): number {
  if (slope === 0) return Math.min(ceiling, Math.max(0, z));
  return Math.min(ceiling, z > 0 ? z : slope * z);
}

// y[i] = f(x[i])
export const activation: ReferenceKernel<'activation'> = ({ inputs, outputs, attributes }, at) => {
  const x = at(inputs.input);
  const y = at(outputs.output);
  for (let i = 0; i < attributes.length; i++) y[i] = activate(x[i], attributes.activation);
};

/** f'(z), told from z or, where slope >= 0 and ceiling > 0, from f(z): see batchNormSums in kernel.ts. */
export const derivative = (z: number, { slope, ceiling }: Activation): number => (z >= ceiling ? 0 : z > 0 ? 1 : slope);

// dX[i] = dY[i] * f'(x[i])
export const activationGradient: ReferenceKernel<'activationGradient'> = ({ inputs, outputs, attributes }, at) => {
  const x = at(inputs.input);
  const outputGradient = at(inputs.outputGradient);
  const inputGradient = at(outputs.output);
  for (let i = 0; i < attributes.length; i++)
    inputGradient[i] = outputGradient[i] * derivative(x[i], attributes.activation);
};
