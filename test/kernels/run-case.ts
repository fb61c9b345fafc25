import type { Backend, Numbers, Precision } from '../../src/kernels/backend';
import { type KernelCall, type KernelName, outputSlots, type Slot } from '../../src/kernels/kernel';
import { random } from '../../src/tensor/random';
import type { Case, CaseSlots } from './cases';

export const TOLERANCE = 1e-5;

/**
 * The outputs of one case on a backend: called directly, and twice as a prepared program, in half precision if wanted.
 * @param rounded makes numbers such as all backends that are compared can hold: they compute with the very same
 */
export async function results(
  backend: Backend,
  { call }: Case<KernelName>,
  seed: number,
  { precision = 'full', rounded = Math.fround }: { precision?: Precision; rounded?: (x: number) => number } = {},
): Promise<[eager: Numbers[], prepared: Numbers[]]> {
  const slots: Slot[] = [];
  const constants = new Set<Slot>();
  const generator = random(seed);
  const place = (values: number[]) => {
    const slot = backend.allocate(values.length);
    backend.write(slot, values);
    slots.push(slot);
    return slot;
  };
  const input: CaseSlots['input'] = (length, change = (x) => x) =>
    place(Array.from({ length }, (_, i) => rounded(change(generator.normal(), i))));
  const made = call({
    random: generator,
    input,
    constant(length, change) {
      const slot = input(length, change);
      constants.add(slot);
      return slot;
    },
    output: (length) => place(new Array(length).fill(Number.NaN)), // a number that a kernel forgets stays visible
  });

  const outputs = outputSlots(made);
  const read = () => Promise.all(outputs.map((slot) => backend.read(slot)));
  try {
    const before = await read();
    // What a call updates in place starts anew.
    const reset = () => {
      for (const [k, slot] of outputs.entries()) backend.write(slot, before[k]);
    };

    // Prepared first: all cases that are under way have their pipelines compiled at once.
    const program = await backend.prepare([made], constants, {
      half: precision === 'half' ? { results: new Set(outputs) } : undefined,
    });
    backend.run(made);
    const eager = await read();
    reset();
    program.run();
    reset();
    program.run();
    const prepared = await read();
    program.free();
    return [eager, prepared];
  } finally {
    for (const slot of slots) backend.free(slot);
  }
}

/** Largest difference, as a share of the largest magnitude (at least 1). */
export function relativeError(actual: Numbers, expected: Numbers): number {
  let difference = 0;
  let magnitude = 1;
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(actual[i] - expected[i]);
    if (!(d <= difference)) difference = d; // NaN stays
    magnitude = Math.max(magnitude, Math.abs(expected[i]));
  }
  return difference / magnitude;
}

/** The largest relative error among the outputs. */
export const largestError = (actual: readonly Numbers[], expected: readonly Numbers[]): number =>
  actual.reduce((largest, numbers, k) => Math.max(largest, relativeError(numbers, expected[k])), 0);

/** The call of a case with slots of no backend: to see what it would do. */
export const callOf = ({ call }: Case<KernelName>): KernelCall => {
  const input = (length: number): Slot => ({ length });
  return call({ random: random(0), input, constant: input, output: input });
};
