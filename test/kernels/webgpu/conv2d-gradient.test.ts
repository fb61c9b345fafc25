import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend, Numbers } from '../../../src/kernels/backend';
import type { Conv2dSizes, KernelCall } from '../../../src/kernels/kernel';
import { openReference } from '../../../src/kernels/reference/backend';
import {
  conv2dFilterGradient,
  filterTilesFor,
  tiledFilterGradient,
  tiledInputGradient,
} from '../../../src/kernels/webgpu/conv2d-gradient';
import { tilesFor } from '../../../src/kernels/webgpu/gemm';
import { shareRows } from '../../../src/kernels/webgpu/reduction';
import { random } from '../../../src/tensor/random';
import { openTestGpu } from '../../helpers/gpu';

const test = suite('gradients of conv2d on WebGPU');

/** Three images of 20x21 under a 3x3 filter of stride 2: four phases, and 330 positions, enough for two parts. */
const SIZES: Conv2dSizes = {
  batch: 3,
  height: 20,
  width: 21,
  outHeight: 10,
  outWidth: 11,
  filterHeight: 3,
  filterWidth: 3,
  strideY: 2,
  strideX: 2,
  top: 1,
  left: 1,
  inChannels: 8,
  outChannels: 68,
};

const filled = (backend: Backend, length: number, seed: number) => {
  const generator = random(seed);
  const slot = backend.allocate(length);
  backend.write(
    slot,
    Float32Array.from({ length }, () => generator.normal()),
  );
  return slot;
};

const inputLength = ({ batch, height, width, inChannels }: Conv2dSizes) => batch * height * width * inChannels;
const outputLength = ({ batch, outHeight, outWidth, outChannels }: Conv2dSizes) =>
  batch * outHeight * outWidth * outChannels;
const filterLength = ({ filterHeight, filterWidth, inChannels, outChannels }: Conv2dSizes) =>
  filterHeight * filterWidth * inChannels * outChannels;

const inputGradient = (backend: Backend, attributes: Conv2dSizes): KernelCall<'conv2dInputGradient'> => ({
  kernel: 'conv2dInputGradient',
  inputs: {
    outputGradient: filled(backend, outputLength(attributes), 1),
    filter: filled(backend, filterLength(attributes), 2),
  },
  outputs: { output: filled(backend, inputLength(attributes), 3) },
  attributes,
});

const filterGradient = (backend: Backend, attributes: Conv2dSizes): KernelCall<'conv2dFilterGradient'> => ({
  kernel: 'conv2dFilterGradient',
  inputs: {
    input: filled(backend, inputLength(attributes), 1),
    outputGradient: filled(backend, outputLength(attributes), 2),
  },
  outputs: { output: filled(backend, filterLength(attributes), 3) },
  attributes,
});

function assertClose(actual: Numbers, expected: Numbers, what: string): void {
  const magnitude = Math.max(1, ...Array.from(expected, Math.abs));
  const worst = Math.max(...Array.from(actual, (value, i) => Math.abs(value - expected[i])));
  assert.ok(worst < 1e-5 * magnitude, `${what}: off by ${worst} of ${magnitude}`);
}

test('every tile computes the sums, in one part and in several', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  const reference = openReference();
  for (const sizes of [SIZES, { ...SIZES, inChannels: 5, outChannels: 67 }]) {
    const expectedInput = inputGradient(reference, sizes);
    const expectedFilter = filterGradient(reference, sizes);
    reference.run(expectedInput);
    reference.run(expectedFilter);
    const [dxExpected, dFilterExpected] = [
      await reference.read(expectedInput.outputs.output),
      await reference.read(expectedFilter.outputs.output),
    ];
    const { inChannels, outChannels } = sizes;
    // At once, for the pipelines are compiled meanwhile.
    const inputs = tilesFor(inChannels, outChannels).map(async (tile) => {
      const call = inputGradient(backend, sizes);
      const program = await backend.prepareDispatches([tiledInputGradient(call, tile)]);
      program.run();
      const dx = await backend.read(call.outputs.output);
      assertClose(dx, dxExpected, `${tile.rows}x${tile.columns}, ${inChannels} channels, input`);
      program.free();
    });
    const filters = filterTilesFor(inChannels, outChannels).map(async (tile) => {
      const call = filterGradient(backend, sizes);
      const dispatches = tiledFilterGradient(call, tile, 2);
      assert.is(dispatches.length, 2, 'the parts, and their sum');
      const program = await backend.prepareDispatches(dispatches);
      program.run();
      const dFilter = await backend.read(call.outputs.output);
      assertClose(dFilter, dFilterExpected, `${tile.rows}x${tile.columns}, ${inChannels} channels, filter`);
      program.free();
    });
    await Promise.all([...inputs, ...filters]);
  }
  await backend.close();
});

test('the gradient of a filter is the same from run to run, to the last bit, and leaves no scratch behind', async () => {
  const backend = await openTestGpu();
  if (!backend) return;
  const call = filterGradient(backend, { ...SIZES, outChannels: 32 });
  const bytes = backend.liveBytes;
  backend.run(call);
  assert.is(backend.liveBytes, bytes);
  const first = await backend.read(call.outputs.output);
  const program = await backend.prepare([call], new Set());
  assert.ok(backend.liveBytes > bytes, 'a program owns its scratch');
  for (let run = 0; run < 3; run++) {
    program.run();
    assert.equal(await backend.read(call.outputs.output), first);
  }
  program.free();
  assert.is(backend.liveBytes, bytes);
  await backend.close();
});

test('long sums are shared out, short ones are not', () => {
  const slot = { length: 0 };
  const call = (batch: number, side: number): KernelCall<'conv2dFilterGradient'> => ({
    kernel: 'conv2dFilterGradient',
    inputs: { input: slot, outputGradient: slot },
    outputs: { output: { length: 9 * 64 * 64 } },
    attributes: {
      ...{ batch, height: side, width: side, outHeight: side, outWidth: side, inChannels: 64, outChannels: 64 },
      ...{ filterHeight: 3, filterWidth: 3, strideY: 1, strideX: 1, top: 1, left: 1 },
    },
  });
  assert.is(conv2dFilterGradient(call(1, 7)).length, 1);
  const [product, sum] = conv2dFilterGradient(call(64, 38));
  assert.ok(product.workgroups >= 500 && product.workgroups <= 1100, `${product.workgroups} workgroups`);
  assert.is(product.output, sum.inputs[0]);
  assert.equal(product.scratch, [product.output]);

  assert.is(shareRows(10, 5).parts, 1);
  const { parts, share } = shareRows(1_000_000, 64);
  assert.ok(parts > 200 && parts <= 512 && parts * share >= 1_000_000, `${parts} parts`);
  assert.is(shareRows(512, 4608, 4, 1).parts, 1);
});

test.run();
