import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type KernelCall, RELU } from '../../../src/kernels/kernel';
import { countCalls, openTestGpu, openTestGpuAlone } from '../../helpers/gpu';

const test = suite('programs on WebGPU');

test('replaying creates nothing: no buffers, no bind groups, no pipelines', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  const input = backend.allocate(8);
  const middle = backend.allocate(8);
  const output = backend.allocate(2);
  const filter = backend.allocate(16);
  backend.write(
    filter,
    Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 1 : 0)), // the identity
  );
  const calls: KernelCall[] = [
    {
      kernel: 'matmul',
      inputs: { left: input, right: filter },
      outputs: { output: middle },
      attributes: { rows: 2, inner: 4, columns: 4, transposeLeft: false, transposeRight: false, activation: RELU },
    },
    {
      kernel: 'globalAveragePool',
      inputs: { input: middle },
      outputs: { output },
      attributes: { batch: 2, positions: 4, channels: 1 },
    },
  ];
  const program = await backend.prepare(calls, new Set([filter]));
  const replay = async (first: number) => {
    backend.write(input, [first, 1, 2, 3, -1, -1, -1, 5]);
    program.run();
    return [...(await backend.read(output))];
  };
  assert.equal(await replay(0), [1.5, 1.25]);

  using counter = countCalls(backend.device, 'createBuffer', 'createBindGroup', 'createComputePipeline');
  assert.equal(await replay(2), [2, 1.25]);
  assert.equal(await replay(6), [3, 1.25]);
  assert.equal(counter.calls, { createBuffer: 0, createBindGroup: 0, createComputePipeline: 0 });

  // Calls made one by one take their buffers from the pool, too.
  backend.free(backend.allocate(8));
  const other = backend.allocate(8);
  backend.run({ kernel: 'sigmoid', inputs: { input }, outputs: { output: other }, attributes: { length: 8 } });
  await backend.read(other);
  assert.is(counter.calls.createBuffer, 1, 'the buffer of the one slot more than before');

  backend.free(middle);
  assert.throws(() => program.run(), /freed/);
  program.free();
  assert.throws(() => program.run(), /freed/);
  await backend.close();
});

test('programs prepared at the same time compile a pipeline once', async () => {
  const backend = await openTestGpuAlone();
  if (!backend) return;
  const input = backend.allocate(2);
  const outputs = [backend.allocate(2), backend.allocate(2)];
  using counter = countCalls(backend.device, 'createComputePipelineAsync');
  backend.write(input, [0, 100]);
  const programs = await Promise.all(
    outputs.map((output) =>
      backend.prepare(
        [{ kernel: 'sigmoid', inputs: { input }, outputs: { output }, attributes: { length: 2 } }],
        new Set(),
      ),
    ),
  );
  assert.is(counter.calls.createComputePipelineAsync, 1);
  for (const program of programs) program.run();
  for (const output of outputs) assert.equal([...(await backend.read(output))], [0.5, 1]);
  await backend.close();
});

test('more calls than a batch holds', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  const slots = [backend.allocate(1), backend.allocate(1)];
  backend.write(slots[0], [0]);
  for (let i = 0; i < 150; i++)
    backend.run({
      kernel: 'scale',
      inputs: { input: slots[i % 2] },
      outputs: { output: slots[1 - (i % 2)] },
      attributes: { length: 1, factor: 1, offset: i },
    });
  assert.equal([...(await backend.read(slots[0]))], [(149 * 150) / 2]);
  await backend.close();
});

test.run();
