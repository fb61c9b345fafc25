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
