import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openPretrained } from '../../src/face/pretrained/networks';
import type { KernelCall } from '../../src/kernels/kernel';
import { openReference } from '../../src/kernels/reference/backend';
import { dispatchesOf } from '../../src/kernels/webgpu/kernels';
import { compile } from '../../src/nn/compile';
import { relu, sigmoid } from '../../src/tensor/ops/activations';
import { conv2d } from '../../src/tensor/ops/conv2d';
import { globalAveragePool } from '../../src/tensor/ops/global-average-pool';
import { Tensor } from '../../src/tensor/tensor';
import { openTestGpu, openTestGpuAlone } from '../helpers/gpu';

const test = suite('what a plan asks of WebGPU');

const wholeDispatches = (call: KernelCall) => dispatchesOf(call, Number.POSITIVE_INFINITY);

test('a run makes no buffers and no bind groups, writes nothing, and is one submission', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  const filter = Tensor.from(backend, new Float32Array(9 * 2 * 4).fill(0.1), [3, 3, 2, 4]);
  const plan = await compile(
    backend,
    (image) => [globalAveragePool(relu(conv2d(image, filter, { padding: 'same' })))],
    [1, 6, 6, 2],
  );
  const run = async () => {
    plan.run();
    return plan.outputs[0].data();
  };
  const first = await run();
  const before = { ...backend.counts };
  assert.equal(await run(), first);
  const { buffers, bindGroups, submits, dispatches, bytesWritten } = backend.counts;
  assert.is(buffers - before.buffers, 0);
  assert.is(bindGroups - before.bindGroups, 0);
  assert.is(submits - before.submits, 1);
  assert.is(bytesWritten - before.bytesWritten, 0);
  assert.is(dispatches - before.dispatches, plan.calls.flatMap(wholeDispatches).length);
  await backend.close();
});

test('each pipeline is heard of when it is compiled', async () => {
  const backend = await openTestGpuAlone(); // which has compiled none yet
  if (!backend) return;
  const heard: string[] = [];
  const onProgress = (compiled: number, total: number) => heard.push(`${compiled} of ${total}`);
  await compile(backend, (image) => [globalAveragePool(sigmoid(image))], [1, 2, 2, 2], { onProgress });
  assert.equal(heard, ['1 of 2', '2 of 2']);
  await backend.close();
});

test('the face ResNet is its 29 convolutions, a dense layer, and what lies between them', async () => {
  const backend = openReference();
  const { forward, weights } = await openPretrained(backend, 'face_recognition');
  for (const batch of [1, 32]) {
    const plan = await compile(backend, forward, [batch, 150, 150, 3]);
    const dispatches = plan.calls.flatMap(wholeDispatches);
    // Besides: 6 poolings, and 4 sums and paddings where the branch is a pixel smaller than the shortcut.
    assert.ok(dispatches.length <= 40, `${dispatches.length} dispatches for ${batch} faces`);
    plan.dispose();
  }
  weights.dispose();
  assert.is(backend.liveBytes, 0);
});

test.run();
