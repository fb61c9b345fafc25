import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openReference } from '../../../src/kernels/reference/backend';
import { openWebgpu } from '../../../src/kernels/webgpu/backend';
import { dispatchesOf } from '../../../src/kernels/webgpu/kernels';
import { type ShaderName, shaderSource } from '../../../src/kernels/webgpu/shaders';
import { testGpu } from '../../helpers/devices';
import { KERNEL_CASES } from '../cases';
import { callOf, largestError, results, TOLERANCE } from '../run-case';

const test = suite('rows folded with subgroups and without');
const reference = openReference();

const textOf = (shader: ShaderName, subgroups: boolean) => shaderSource(shader, { subgroups, matrices: 'by hand' });

const changes = Object.entries(KERNEL_CASES).filter(([, [first]]) =>
  dispatchesOf(callOf(first), Number.POSITIVE_INFINITY).some(
    ({ shader }) => textOf(shader, true) !== textOf(shader, false),
  ),
);

test('softmax, cross entropy and the norm of rows are folded so, their gradients and the right answers', () => {
  const kernels = ['softmax', 'softmaxCrossEntropy', 'l2Normalize'].flatMap((kernel) => [kernel, `${kernel}Gradient`]);
  assert.equal(changes.map(([kernel]) => kernel).sort(), ['rightAnswers', ...kernels].sort());
});

for (const [kernel, cases] of changes)
  test(`${kernel} equals reference either way, and is the same bit by bit when it is repeated`, async () => {
    const gpu = await testGpu();
    if (!gpu) return;
    // Where the device has no subgroups there is one way only.
    for (const subgroups of gpu.features.subgroups ? [false, true] : [false]) {
      const backend = await openWebgpu({ device: gpu.device, subgroups });
      const compared = cases.map(async (one, seed) => {
        const [expected] = await results(reference, one, seed);
        const [eager, prepared] = await results(backend, one, seed);
        const error = largestError(eager, expected);
        assert.ok(error < TOLERANCE, `${one.title}, subgroups ${subgroups}: relative error ${error}`);
        assert.equal(prepared, eager);
      });
      await Promise.all(compared);
      await backend.close();
    }
  });

test.run();
