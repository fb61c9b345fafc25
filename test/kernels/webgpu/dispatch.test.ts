import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RELU } from '../../../src/kernels/kernel';
import { roundedSize } from '../../../src/kernels/webgpu/buffers';
import { ceilingOf, foldWorkgroups, writeUniforms } from '../../../src/kernels/webgpu/dispatch';
import { openTestGpu } from '../../helpers/gpu';

const test = suite('dispatches');

test('workgroups fold into two dimensions, none of them lost', () => {
  assert.equal(foldWorkgroups(0, 65_535), [0, 0]);
  assert.equal(foldWorkgroups(1, 65_535), [1, 1]);
  assert.equal(foldWorkgroups(65_535, 65_535), [65_535, 1]);
  for (const count of [65_536, 100_003, 1_000_000, 65_535 * 65_535]) {
    const [columns, rows] = foldWorkgroups(count, 65_535);
    assert.ok(columns <= 65_535 && rows <= 65_535, `${count} in ${columns} x ${rows}`);
    assert.ok(columns * rows >= count, `${count} in ${columns} x ${rows}`);
    assert.ok(columns * rows - count < rows, `${count} in ${columns} x ${rows} wastes more than a row`);
  }
  assert.throws(() => foldWorkgroups(65_535 ** 2 + 1, 65_535), /more than the device can start/);
});

test('a folded dispatch computes every row', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  const rows = 65_537; // a workgroup each
  const input = backend.allocate(rows);
  const output = backend.allocate(rows);
  const values = Float32Array.from({ length: rows }, (_, i) => (i % 3 === 0 ? -i - 1 : i + 1));
  backend.write(input, values);
  backend.run({
    kernel: 'l2Normalize',
    inputs: { input },
    outputs: { output },
    attributes: { rows, columns: 1, epsilon: 1e-12 },
  });
  const signs = await backend.read(output);
  assert.is(
    signs.findIndex((sign, i) => Math.abs(sign - Math.sign(values[i])) > 1e-6),
    -1,
  );
  await backend.close();
});

test('uniforms are whole numbers, then real ones', () => {
  const bytes = new ArrayBuffer(512);
  const output = { length: 1 };
  writeUniforms({ shader: 'scale', inputs: [], output, integers: [7, -2], reals: [0.5], workgroups: 1 }, bytes, 256);
  assert.equal([...new Int32Array(bytes, 256, 2)], [7, -2]);
  assert.is(new Float32Array(bytes, 264, 1)[0], 0.5);
  assert.ok(Number.isFinite(Math.fround(ceilingOf(RELU))), 'WGSL has no infinities');
});

test('buffers come in few sizes, at most a quarter too large', () => {
  assert.is(roundedSize(0), 256);
  assert.is(roundedSize(4), 256);
  assert.is(roundedSize(257), 512);
  const sizes = new Set<number>();
  for (let bytes = 4; bytes < 1 << 20; bytes += 4) {
    const size = roundedSize(bytes);
    assert.ok(size >= bytes && size % 256 === 0 && (bytes < 1024 || size <= 1.25 * bytes), `${bytes}: ${size}`);
    sizes.add(size);
  }
  assert.ok(sizes.size < 50, `${sizes.size} sizes up to a megabyte`);
});

test.run();
