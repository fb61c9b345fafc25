import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../../src/nn/compile';
import { matmul } from '../../src/tensor/ops/matmul';
import { l2Normalize } from '../../src/tensor/ops/rows';
import { Tensor } from '../../src/tensor/tensor';
import { testOnEachDevice } from '../helpers/devices';
import { assertClose } from '../helpers/numbers';

const test = suite('constants of a plan');

testOnEachDevice(test, 'what is computed of parameters alone is computed once', async (backend) => {
  const centres = Tensor.from(backend, [3, 4, 0, 2], [2, 2]).requireGradient();
  const plan = await compile(
    backend,
    (x) => [matmul(l2Normalize(x), l2Normalize(centres), undefined, { transposeRight: true })],
    [1, 2],
  );
  centres.dispose();
  assert.equal(
    plan.calls.map(({ kernel }) => kernel),
    ['l2Normalize', 'matmul'],
  );
  backend.write(plan.input.slot, [10, 0]);
  assertClose(await plan.run()[0].data(), [0.6, 0], 1e-6);
  plan.dispose();
});

testOnEachDevice(test, 'a network that fails while it is traced leaves nothing behind', async (backend) => {
  const centres = Tensor.from(backend, [3, 4], [1, 2]);
  let said = '';
  await compile(backend, () => {
    l2Normalize(centres);
    throw new Error('on purpose');
  }, [1, 2]).catch((error: Error) => {
    said = error.message;
  });
  assert.is(said, 'on purpose');
  centres.dispose();
});

test.run();
