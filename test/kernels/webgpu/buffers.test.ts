import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openReference } from '../../../src/kernels/reference/backend';
import { openTestGpu } from '../../helpers/gpu';

const test = suite('buffers on WebGPU');

test('slots of others and freed ones are refused by name', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  const slot = backend.allocate(6);
  backend.free(slot);
  assert.throws(() => backend.write(slot, [1]), /6 numbers was used after it was freed/);
  assert.throws(() => backend.free(slot), /freed/);
  assert.throws(() => backend.write(openReference().allocate(5), [1]), /belongs to another backend/);
  assert.throws(() => backend.write(backend.allocate(2), [1, 2, 3]), /not inside a slot of 2/);
  assert.throws(() => backend.allocate(2 ** 31), /2147483648 numbers are more than a shader can count/);
  const tooLarge = backend.device.limits.maxBufferSize / 4 + 1;
  if (tooLarge < 2 ** 31) assert.throws(() => backend.allocate(tooLarge), /this device takes/);
  const same = backend.allocate(1);
  const twice = { kernel: 'sigmoid', inputs: { input: same }, outputs: { output: same }, attributes: { length: 1 } };
  assert.throws(() => backend.run({ ...twice, kernel: 'sigmoid' }), /cannot write to a slot that it reads/);
  await backend.close();
});

test('liveBytes counts what is not freed', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  const slots = [backend.allocate(10), backend.allocate(1), backend.allocate(0)];
  assert.is(backend.liveBytes, 44);
  for (const slot of slots) backend.free(slot);
  assert.is(backend.liveBytes, 0);
  await backend.close();
});

test('a write to a recycled buffer does not overtake the calls before it', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  const output = backend.allocate(2);
  const old = backend.allocate(2);
  backend.write(old, [1, 2]);
  backend.run({
    kernel: 'scale',
    inputs: { input: old },
    outputs: { output },
    attributes: { length: 2, factor: 10, offset: 0 },
  });
  backend.free(old);
  const recycled = backend.allocate(2);
  backend.write(recycled, [7, 8]);
  assert.equal([...(await backend.read(output))], [10, 20]);
  assert.equal([...(await backend.read(recycled))], [7, 8]);
  await backend.close();
});

test('copies and writes with offsets keep their order', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  const from = backend.allocate(4);
  const to = backend.allocate(4);
  backend.write(from, [1, 2, 3, 4]);
  backend.write(to, new Float64Array(4));
  backend.copy(from, to, { length: 2, fromOffset: 2, toOffset: 1 });
  backend.write(from, [9, 9], 2);
  assert.equal([...(await backend.read(to))], [0, 3, 4, 0]);
  assert.equal([...(await backend.read(from))], [1, 2, 9, 9]);
  await backend.close();
});

test.run();
