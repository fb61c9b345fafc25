import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { KernelCall } from '../../../src/kernels/kernel';
import { openReference } from '../../../src/kernels/reference/backend';
import { openWebgpu } from '../../../src/kernels/webgpu/backend';
import { foldWorkgroups } from '../../../src/kernels/webgpu/dispatch';
import { dispatchesOf } from '../../../src/kernels/webgpu/kernels';
import { exceeds } from '../../../src/kernels/webgpu/pieces';
import { testGpu } from '../../helpers/devices';
import { KERNEL_CASES } from '../cases';
import { callOf, largestError, results, TOLERANCE } from '../run-case';

const reference = openReference();

const BINDING_BYTES = 2048;
const cut = suite(`where no more than ${BINDING_BYTES} bytes can be bound, a call comes in pieces`);
for (const [kernel, cases] of Object.entries(KERNEL_CASES))
  cut(kernel, async () => {
    const gpu = await testGpu();
    if (!gpu) return;
    const backend = await openWebgpu({ device: gpu.device, limits: { bindingBytes: BINDING_BYTES } });
    let right = 0;
    for (const [seed, one] of cases.entries()) {
      if (!exceeds(callOf(one), BINDING_BYTES / 4)) continue;
      const outcome = await results(backend, one, seed).catch((error: Error) => error);
      assert.is(backend.liveBytes, 0, `${one.title} left bytes behind`);
      if (outcome instanceof Error) {
        const refusal = new RegExp(`webgpu: ${kernel} of operands of [0-9, ]+ numbers: .*smaller batch`);
        assert.match(outcome.message, refusal);
        assert.throws(() => backend.run(callOf(one)), refusal);
        continue;
      }
      const [expected] = await results(reference, one, seed);
      for (const actual of outcome) {
        const error = largestError(actual, expected);
        assert.ok(error < TOLERANCE, `${kernel}, ${one.title}: relative error ${error}`);
      }
      right++;
    }
    await backend.close();
    if (kernel === 'updateMoments') assert.is(right, 0, 'that is not to be cut');
    else assert.ok(right > 0, `no case of ${kernel} came in pieces`);
  });

cut('a program takes other scalars in all pieces of a call', async () => {
  const gpu = await testGpu();
  if (!gpu) return;
  const backend = await openWebgpu({ device: gpu.device, limits: { bindingBytes: BINDING_BYTES } });
  const length = 3 * (BINDING_BYTES / 4) + 5;
  const slotOf = (value: number) => {
    const slot = backend.allocate(length);
    backend.write(slot, new Float32Array(length).fill(value));
    return slot;
  };
  const [gradient, parameter] = [slotOf(1), slotOf(8)];
  const step = (rate: number): KernelCall<'sgdStep'> => ({
    kernel: 'sgdStep',
    inputs: { gradient },
    outputs: { parameter },
    attributes: { length, gradientFactor: 1, rate, momentum: 0, weightDecay: 0, nesterov: false },
  });
  const before = backend.counts.dispatches;
  const program = await backend.prepare([step(1), step(2)], new Set());
  program.run();
  assert.is(backend.counts.dispatches - before, 2 * 4);
  program.change(new Map([[1, step(4)]]));
  program.run(); // 8 - 1 - 2 - 1 - 4
  assert.equal(await backend.read(parameter), new Float32Array(length));
  program.free();
  await backend.close();
});
cut.run();

const folded = suite('where few workgroups fit into one dimension, those past the end change nothing');
for (const [kernel, cases] of Object.entries(KERNEL_CASES))
  folded(kernel, async () => {
    const gpu = await testGpu();
    if (!gpu) return;
    let surplus = 0;
    for (const [seed, one] of cases.entries()) {
      const counts = dispatchesOf(callOf(one), Number.POSITIVE_INFINITY).map(({ workgroups }) => workgroups);
      const workgroups = Math.ceil(Math.sqrt(Math.max(...counts)));
      const [columns, rows] = foldWorkgroups(Math.max(...counts), workgroups);
      if (columns * rows === Math.max(...counts)) continue;
      surplus++;
      const backend = await openWebgpu({ device: gpu.device, limits: { workgroups } });
      const [expected] = await results(reference, one, seed);
      for (const actual of await results(backend, one, seed)) {
        const error = largestError(actual, expected);
        assert.ok(error < TOLERANCE, `${kernel}, ${one.title}: relative error ${error}`);
      }
      await backend.close();
    }
    assert.ok(surplus > 0, `no case of ${kernel} has workgroups past the end`);
  });
folded.run();
