import type { Backend } from '../kernels/backend';

let current: { original: Backend; substitute: Backend } | undefined;

/**
 * Sends every call on tensors of one backend to another one while `compute` runs, up to its first await: tensors that
 * exist stay where they are and take part in the calls. So a whole step of training can be written down that was
 * written to be carried out.
 */
export function withStandIn<T>(original: Backend, substitute: Backend, compute: () => T): T {
  const before = current;
  current = { original, substitute };
  try {
    return compute();
  } finally {
    current = before;
  }
}

/** The backend that takes the calls meant for this one: itself, unless another stands in. */
export const actingFor = (backend: Backend): Backend => (current?.original === backend ? current.substitute : backend);
