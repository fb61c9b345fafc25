import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openReference } from '../../src/kernels/reference/backend';
import { testDevices } from '../helpers/devices';
import { KERNEL_CASES } from './cases';
import { relativeError, results, TOLERANCE } from './run-case';

const reference = openReference();
for (const device of ['wasm', 'webgpu']) {
  const test = suite(`kernels on ${device} against reference`);
  for (const [kernel, cases] of Object.entries(KERNEL_CASES))
    test(kernel, async () => {
      const backend = (await testDevices()).find(({ name }) => name === device);
      if (!backend) return;
      const before = backend.liveBytes;
      assert.ok(cases.length > 0, `${kernel} has no cases`);
      const compared = cases.map(async (one, seed) => {
        const [expected] = await results(reference, one, seed);
        const [eager, prepared] = await results(backend, one, seed);
        for (const [mode, actual] of Object.entries({ eager, prepared }))
          for (const [k, numbers] of actual.entries()) {
            const error = relativeError(numbers, expected[k]);
            assert.ok(error < TOLERANCE, `${kernel} ${mode}, ${one.title}: relative error ${error} of output ${k}`);
          }
      });
      await Promise.all(compared);
      assert.is(backend.liveBytes, before, `${kernel} left bytes behind`);
    });
  test.run();
}
