import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openTestGpu } from '../../helpers/gpu';

const test = suite('uploads to WebGPU');
const LENGTH = 20_000; // large enough to go through mapped memory

const filled = (value: number) => new Float32Array(LENGTH).fill(value);

test('large arrays arrive in the order in which they were written, among calls and small writes', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  const [a, b] = [backend.allocate(LENGTH), backend.allocate(LENGTH)];
  const double = () =>
    backend.run({
      kernel: 'scale',
      inputs: { input: a },
      outputs: { output: b },
      attributes: { length: LENGTH, factor: 2, offset: 0 },
    });
  backend.write(a, filled(1));
  backend.write(a, [7], 3); // after the large write, not before it
  double();
  const first = backend.read(b);
  const values = filled(5);
  backend.write(a, values);
  values.fill(-1); // what was written was copied
  double();
  backend.write(a, filled(0));
  const second = backend.read(b);
  const [one, two] = [await first, await second];
  assert.equal([one[0], one[3], one[4], one[LENGTH - 1]], [2, 14, 2, 2]);
  assert.equal([two[0], two[3], two[LENGTH - 1]], [10, 10, 10]);
  assert.is((await backend.read(a))[1], 0);
  await backend.close();
});

test('their memory is used again, and one who never waits gets no more than some of it', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  const slot = backend.allocate(LENGTH);
  const write = async (value: number) => {
    backend.write(slot, filled(value));
    assert.is((await backend.read(slot))[0], value);
    await new Promise((done) => setTimeout(done, 5));
  };
  for (let value = 0; value < 3; value++) await write(value);
  const { buffers } = backend.counts;
  for (let value = 3; value < 8; value++) await write(value);
  assert.is(backend.counts.buffers, buffers);
  for (let value = 0; value < 40; value++) backend.write(slot, filled(value));
  assert.ok(backend.counts.buffers - buffers <= 16, `${backend.counts.buffers - buffers} buffers`);
  assert.is((await backend.read(slot))[LENGTH - 1], 39);
  await backend.close();
});

test.run();
