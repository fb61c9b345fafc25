import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend, Numbers } from '../../src/kernels/backend';
import { outputSlots, type Slot } from '../../src/kernels/kernel';
import { openReference } from '../../src/kernels/reference/backend';
import { random } from '../../src/tensor/random';
import { testDevices } from '../helpers/devices';
import { type Case, type CaseSlots, KERNEL_CASES } from './cases';

const TOLERANCE = 1e-5;

/** The outputs of one case on a backend: called directly, and twice as a prepared program. */
async function results(
  backend: Backend,
  { call }: Case<keyof typeof KERNEL_CASES>,
  seed: number,
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
    // Rounded to float32, so that reference computes with the very numbers the others see.
    place(Array.from({ length }, (_, i) => Math.fround(change(generator.normal(), i))));
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
  const before = await read();
  // What a call updates in place starts anew.
  const reset = () => {
    for (const [k, slot] of outputs.entries()) backend.write(slot, before[k]);
  };

  backend.run(made);
  const eager = await read();
  reset();
  const program = await backend.prepare([made], constants);
  program.run();
  reset();
  program.run();
  const prepared = await read();
  program.free();
  for (const slot of slots) backend.free(slot);
  return [eager, prepared];
}

/** Largest difference, as a share of the largest magnitude (at least 1). */
function relativeError(actual: Numbers, expected: Numbers): number {
  let difference = 0;
  let magnitude = 1;
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(actual[i] - expected[i]);
    if (!(d <= difference)) difference = d; // NaN stays
    magnitude = Math.max(magnitude, Math.abs(expected[i]));
  }
  return difference / magnitude;
}

const reference = openReference();
for (const device of ['wasm', 'webgpu']) {
  const test = suite(`kernels on ${device} against reference`);
  for (const [kernel, cases] of Object.entries(KERNEL_CASES))
    test(kernel, async () => {
      const backend = (await testDevices()).find(({ name }) => name === device);
      if (!backend) return;
      const before = backend.liveBytes;
      assert.ok(cases.length > 0, `${kernel} has no cases`);
      for (const [seed, one] of cases.entries()) {
        const [expected] = await results(reference, one, seed);
        const [eager, prepared] = await results(backend, one, seed);
        for (const [mode, actual] of Object.entries({ eager, prepared }))
          for (const [k, numbers] of actual.entries()) {
            const error = relativeError(numbers, expected[k]);
            assert.ok(error < TOLERANCE, `${kernel} ${mode}, ${one.title}: relative error ${error} of output ${k}`);
          }
      }
      assert.is(backend.liveBytes, before, `${kernel} left bytes behind`);
    });
  test.run();
}
