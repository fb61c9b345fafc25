import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openWebgpu, type WebgpuBackend } from '../../../src/kernels/webgpu/backend';
import { openTestGpu, requestTestDevice } from '../../helpers/gpu';

const test = suite('the WebGPU device');

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'nothing was rejected',
    (error: unknown) => error,
  );

/** Writes 1, 2, 3 and doubles them. */
function doubled(backend: WebgpuBackend) {
  const input = backend.allocate(3);
  const output = backend.allocate(3);
  backend.write(input, [1, 2, 3]);
  backend.run({
    kernel: 'scale',
    inputs: { input },
    outputs: { output },
    attributes: { length: 3, factor: 2, offset: 0 },
  });
  return output;
}

test('a software adapter is taken only when asked for', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  if (backend.isSoftware) assert.match(String(await rejection(openWebgpu())), /computes on the CPU/);
  await backend.close();
});

test('a lost device rejects pending and later reads with one error', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  const output = doubled(backend);
  const pending = rejection(backend.read(output));
  backend.device.destroy();
  const error = await pending;
  assert.instance(error, Error);
  assert.match(String(error), /device was lost/);
  assert.is(await rejection(backend.read(output)), error);
  assert.throws(() => backend.allocate(1), /device was lost/);
  await backend.close();
});

test('close() ends pending reads, and everything after says that it is closed', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  const output = doubled(backend);
  const pending = rejection(backend.read(output));
  await backend.close();
  assert.match(String(await pending), /closed/);
  assert.match(String(await rejection(backend.read(output))), /closed/);
});

test("the caller's device outlives close()", async () => {
  const device = await requestTestDevice();
  if (!device) return;
  for (let round = 0; round < 2; round++) {
    const backend = await openWebgpu({ device });
    assert.equal([...(await backend.read(doubled(backend)))], [2, 4, 6]);
    await backend.close();
  }
  const lost = await Promise.race([device.lost, new Promise((resolve) => setTimeout(resolve, 50))]);
  assert.is(lost, undefined);
  device.destroy();
});

test('an error that the device reports rejects the next read, which says what it was', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  const output = doubled(backend);
  backend.device.createBuffer({ size: 4, usage: 0xffff }); // no such usage
  assert.match(String(await rejection(backend.read(output))), /device reported an error: .*usage/is);
  assert.equal([...(await backend.read(output))], [2, 4, 6]);
  await backend.close();
});

test.run();
