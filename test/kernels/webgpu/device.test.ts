import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type KernelCall, RELU } from '../../../src/kernels/kernel';
import { openWebgpu, type WebgpuBackend } from '../../../src/kernels/webgpu/backend';
import { openTestGpuAlone, requestTestDevice } from '../../helpers/gpu';

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
  const backend = await openTestGpuAlone();
  if (!backend) return;
  if (backend.isSoftware) assert.match(String(await rejection(openWebgpu())), /computes on the CPU/);
  await backend.close();
});

test('a lost device rejects pending and later reads with one error', async () => {
  const backend = await openTestGpuAlone();
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

/** A kernel whose pipeline takes a while to compile, on numbers that do not matter. */
function slowCall(backend: WebgpuBackend): KernelCall<'matmul'> {
  const [left, right, output] = [backend.allocate(64), backend.allocate(64), backend.allocate(64)];
  const sizes = { rows: 8, inner: 8, columns: 8, transposeLeft: true, transposeRight: true };
  return {
    kernel: 'matmul',
    inputs: { left, right },
    outputs: { output },
    attributes: { ...sizes, activation: RELU },
  };
}

test('a device that is lost while a program is compiled rejects the program', async () => {
  const backend = await openTestGpuAlone();
  if (!backend) return;
  const call = slowCall(backend);
  const compiling = rejection(backend.prepare([call], new Set()));
  backend.device.destroy();
  assert.match(String(await compiling), /device was lost/);
  assert.match(String(await rejection(backend.prepare([call], new Set()))), /device was lost/);
  await backend.close();
});

test('a device that is lost while a program runs rejects what is read from it, and the next run', async () => {
  const backend = await openTestGpuAlone();
  if (!backend) return;
  const [input, output] = [backend.allocate(64), backend.allocate(64)];
  const call: KernelCall = { kernel: 'sigmoid', inputs: { input }, outputs: { output }, attributes: { length: 64 } };
  const program = await backend.prepare([call], new Set());
  for (let k = 0; k < 100; k++) program.run();
  const readings = Array.from({ length: 3 }, () => rejection(backend.read(output)));
  backend.device.destroy();
  const errors = await Promise.all(readings);
  for (const error of errors) assert.match(String(error), /device was lost/);
  assert.throws(() => program.run(), /device was lost/);
  program.free();
  await backend.close();
});

test('after a loss another backend opens in the same process', async () => {
  const lost = await openTestGpuAlone();
  if (!lost) return;
  lost.device.destroy();
  await lost.device.lost;
  await lost.close();
  const backend = await openTestGpuAlone();
  assert.ok(backend);
  assert.equal([...(await backend.read(doubled(backend)))], [2, 4, 6]);
  await backend.close();
});

test('a device that was lost before is refused', async () => {
  const device = await requestTestDevice();
  if (!device) return;
  device.destroy();
  assert.match(String(await rejection(openWebgpu({ device }))), /device was lost/);
});

test('close() ends pending reads, and everything after says that it is closed', async () => {
  const backend = await openTestGpuAlone();
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
  const backend = await openTestGpuAlone();
  if (!backend) return;
  const output = doubled(backend);
  backend.device.createBuffer({ size: 4, usage: 0xffff }); // no such usage
  assert.match(String(await rejection(backend.read(output))), /device reported an error: .*usage/is);
  assert.equal([...(await backend.read(output))], [2, 4, 6]);
  await backend.close();
});

test.run();
