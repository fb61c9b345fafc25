import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../../src/kernels/backend';
import type { Conv2dSizes, KernelCall } from '../../../src/kernels/kernel';
import { openReference } from '../../../src/kernels/reference/backend';
import { tiledConv2d } from '../../../src/kernels/webgpu/conv2d';
import { chooseTile, TILES, tilesFor } from '../../../src/kernels/webgpu/gemm';
import { random } from '../../../src/tensor/random';
import { openTestGpu } from '../../helpers/gpu';

const test = suite('conv2d on WebGPU');

test('large outputs get large tiles, small ones keep the card busy', () => {
  const tileFor = (rows: number, columns: number) => {
    const tile = chooseTile(TILES, rows, columns);
    return `${tile.rows}x${tile.columns}`;
  };
  assert.is(tileFor(1, 1), '16x16');
  assert.is(tileFor(1, 512), '16x16');
  assert.is(tileFor(5184, 32), '32x32');
  assert.is(tileFor(256 * 56 * 56, 32), '128x32');
  assert.is(tileFor(32 * 72 * 72, 64), '64x64');
  assert.is(tileFor(4096, 4096), '128x128');
  assert.is(tileFor(1_000_000, 8), '16x16', 'no tile wider than the output');
});

/** Two images of 6x7 under a 3x3 filter: 84 positions, so that every tile has a last one that is not full. */
const sizes = (inChannels: number, outChannels: number): Conv2dSizes => ({
  batch: 2,
  height: 6,
  width: 7,
  outHeight: 6,
  outWidth: 7,
  filterHeight: 3,
  filterWidth: 3,
  strideY: 1,
  strideX: 1,
  top: 1,
  left: 1,
  inChannels,
  outChannels,
});

/** The same call, with the same numbers, on any backend. */
function makeCall(backend: Backend, attributes: Conv2dSizes): KernelCall<'conv2d'> {
  const generator = random(3);
  const filled = (length: number) => {
    const slot = backend.allocate(length);
    backend.write(
      slot,
      Float32Array.from({ length }, () => generator.normal()),
    );
    return slot;
  };
  const { batch, height, width, inChannels, outChannels } = attributes;
  return {
    kernel: 'conv2d',
    inputs: {
      input: filled(batch * height * width * inChannels),
      filter: filled(9 * inChannels * outChannels),
      bias: filled(outChannels),
      residual: filled(batch * height * width * outChannels),
    },
    outputs: { output: filled(batch * height * width * outChannels) },
    attributes: { ...attributes, activation: { slope: 0.5, ceiling: 20 } },
  };
}

test('every tile computes the sum, with vectors and with single channels', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  const reference = openReference();
  for (const attributes of [sizes(8, 68), sizes(3, 67)]) {
    const expectedCall = makeCall(reference, attributes);
    reference.run(expectedCall);
    const expected = await reference.read(expectedCall.outputs.output);
    // At once, for the pipelines are compiled meanwhile.
    const compared = tilesFor(attributes.inChannels, attributes.outChannels).map(async (tile) => {
      const call = makeCall(backend, attributes);
      const program = await backend.prepareDispatches([tiledConv2d(call, tile)]);
      program.run();
      const actual = await backend.read(call.outputs.output);
      const worst = Math.max(...Array.from(actual, (value, i) => Math.abs(value - expected[i])));
      assert.ok(worst < 1e-5 * 20, `${tile.rows}x${tile.columns}, ${attributes.inChannels} channels: off by ${worst}`);
      program.free();
    });
    await Promise.all(compared);
  }
  await backend.close();
});

test.run();
