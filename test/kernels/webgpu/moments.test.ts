import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../../src/kernels/backend';
import { type Conv2dSizes, type KernelCall, LINEAR, RELU, type Slot } from '../../../src/kernels/kernel';
import { openReference } from '../../../src/kernels/reference/backend';
import { openWebgpu } from '../../../src/kernels/webgpu/backend';
import { candidates } from '../../../src/kernels/webgpu/candidates';
import { conv2d, conv2dWithMoments } from '../../../src/kernels/webgpu/conv2d';
import { TILES, type Tile } from '../../../src/kernels/webgpu/gemm';
import { shapeKey } from '../../../src/kernels/webgpu/tile-table';
import { random } from '../../../src/tensor/random';
import { testGpu } from '../../helpers/devices';
import { assertClose } from '../../helpers/numbers';

const test = suite('moments out of the convolution on WebGPU');

/** 312 rows: no tile divides them. */
const sizesOf = (inChannels: number, outChannels: number): Conv2dSizes => ({
  ...{ batch: 2, height: 13, width: 12, outHeight: 13, outWidth: 12, inChannels, outChannels },
  ...{ filterHeight: 1, filterWidth: 1, strideY: 1, strideX: 1, top: 0, left: 0 },
});

type Pair = [conv: KernelCall<'conv2d'>, moments: KernelCall<'channelMoments'>];

const pairOf = (slot: (length: number, mean?: number) => Slot, sizes: Conv2dSizes): Pair => {
  const { batch, height, width, inChannels, outChannels } = sizes;
  const length = batch * height * width * outChannels;
  // Numbers of the same sign: the means of the output are many times what it varies by.
  const input = slot(batch * height * width * inChannels, 20);
  const [filter, output, moments] = [slot(inChannels * outChannels, 3), slot(length), slot(2 * outChannels)];
  return [
    { kernel: 'conv2d', inputs: { input, filter }, outputs: { output }, attributes: { ...sizes, activation: LINEAR } },
    {
      kernel: 'channelMoments',
      inputs: { input: output },
      outputs: { output: moments },
      attributes: { length, channels: outChannels },
    },
  ];
};

/** The same numbers on any backend. */
function filledPair(backend: Backend, sizes: Conv2dSizes): Pair {
  const generator = random(6);
  return pairOf((length, mean = 0) => {
    const slot = backend.allocate(length);
    backend.write(
      slot,
      Float32Array.from({ length }, () => mean + generator.normal()),
    );
    return slot;
  }, sizes);
}

// Threads of 16 rows and two vectors; of single numbers, and 8 rows; of 4 rows and a quarter of the sum.
for (const [tile, inChannels, outChannels] of [
  [TILES[0], 8, 68],
  [TILES[2], 5, 67],
  [TILES[4], 8, 68],
] satisfies [Tile, number, number][])
  test(`tiles of ${tile.rows}x${tile.columns}, ${inChannels} channels to ${outChannels}: a dispatch less, the same bits each time`, async () => {
    const gpu = await testGpu();
    if (!gpu) return;
    const sizes = sizesOf(inChannels, outChannels);
    const reference = openReference();
    const [right, rightMoments] = filledPair(reference, sizes);
    for (const call of [right, rightMoments]) reference.run(call);

    const name = candidates(right).find(
      ({ dispatches: [{ constants = {} }] }) =>
        constants.TILE_ROWS === tile.rows && constants.TILE_COLUMNS === tile.columns,
    )?.tile;
    const key = shapeKey(right);
    assert.ok(name !== undefined && key !== undefined);
    const backend = await openWebgpu({ device: gpu.device, tiles: async () => new Map([[key, name]]) });
    const [conv, moments] = filledPair(backend, sizes);
    const program = await backend.prepare([conv, moments], new Set());
    const { dispatches } = backend.counts;
    program.run();
    assert.is(backend.counts.dispatches - dispatches, 2, 'the product, and what merges the tiles');
    const both = () => Promise.all([backend.read(conv.outputs.output), backend.read(moments.outputs.output)]);
    const [output, first] = await both();
    assertClose(output, await reference.read(right.outputs.output), 1e-5, 'output');
    const expected = await reference.read(rightMoments.outputs.output);
    assertClose(first.slice(0, outChannels), expected.slice(0, outChannels), 1e-5, 'means');
    assertClose(first.slice(outChannels), expected.slice(outChannels), 1e-5, 'variances');

    program.run();
    assert.equal(await both(), [output, first]);
    program.free();
    await backend.close();
  });

test('only of the very output, with nothing after the sum, and of one product', () => {
  const [conv, moments] = pairOf((length) => ({ length }), sizesOf(8, 68));
  const isJoined = (one: KernelCall<'conv2d'>, next: KernelCall) =>
    conv2dWithMoments(one, conv2d(one), next) !== undefined;
  assert.ok(isJoined(conv, moments));
  assert.not(isJoined({ ...conv, inputs: { ...conv.inputs, bias: { length: 68 } } }, moments));
  assert.not(isJoined({ ...conv, inputs: { ...conv.inputs, residual: { length: 312 * 68 } } }, moments));
  assert.not(isJoined({ ...conv, attributes: { ...conv.attributes, activation: RELU } }, moments));
  assert.not(isJoined(conv, { ...moments, inputs: { input: { length: 312 * 68 } } }));
  assert.not(isJoined(conv, { ...moments, attributes: { ...moments.attributes, channels: 34 } }));
  assert.not(isJoined(conv, conv));
  const [product] = conv2d(conv);
  assert.is(conv2dWithMoments(conv, [product, product], moments), undefined);
});

test.run();
