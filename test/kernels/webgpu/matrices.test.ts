import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend } from '../../../src/kernels/backend';
import type { Conv2dSizes, KernelCall } from '../../../src/kernels/kernel';
import { openReference } from '../../../src/kernels/reference/backend';
import { openWebgpu } from '../../../src/kernels/webgpu/backend';
import { MATRIX_STORAGE, MATRIX_TILES, type MatrixTile } from '../../../src/kernels/webgpu/gemm';
import { onHalves } from '../../../src/kernels/webgpu/half';
import { matrixDispatches, productOfMatrices } from '../../../src/kernels/webgpu/matrices';
import { random } from '../../../src/tensor/random';
import { testGpu } from '../../helpers/devices';
import { toHalf } from '../../helpers/halves';
import { relativeError } from '../run-case';

const test = suite('products of small matrices on WebGPU');
const reference = openReference();

/** Two images of 6x7 under a 3x3 filter of stride 2 or 1: no tile is full, the last block of channels is not either. */
const sizes = (stride: 1 | 2): Conv2dSizes => ({
  batch: 2,
  height: 6 * stride,
  width: 7 * stride,
  outHeight: 6,
  outWidth: 7,
  filterHeight: 3,
  filterWidth: 3,
  strideY: stride,
  strideX: stride,
  top: 1,
  left: 1,
  inChannels: 20,
  outChannels: 36,
});

/** One pixel to one pixel, 600 of them: the sum of the filter's gradient has several parts. */
const POINTWISE: Conv2dSizes = {
  ...sizes(1),
  ...{ height: 15, width: 20, outHeight: 15, outWidth: 20, filterHeight: 1, filterWidth: 1, top: 0, left: 0 },
};

const activation = { slope: 0.5, ceiling: 20 };

/** The three products, with numbers that halves can hold, the same on every backend. */
function makeCalls(backend: Backend, attributes: Conv2dSizes) {
  const { batch, height, width, inChannels, outHeight, outWidth, outChannels } = attributes;
  const filled = (length: number, seed: number) => {
    const generator = random(seed);
    const slot = backend.allocate(length);
    backend.write(
      slot,
      Float32Array.from({ length }, () => toHalf(generator.normal())),
    );
    return slot;
  };
  const [input, output] = [batch * height * width * inChannels, batch * outHeight * outWidth * outChannels];
  const weights = attributes.filterHeight * attributes.filterWidth * inChannels * outChannels;
  const forward: KernelCall<'conv2d'> = {
    kernel: 'conv2d',
    inputs: {
      input: filled(input, 1),
      filter: filled(weights, 2),
      bias: filled(outChannels, 3),
      residual: filled(output, 4),
    },
    outputs: { output: backend.allocate(output) },
    attributes: { ...attributes, activation },
  };
  const ofInput: KernelCall<'conv2dInputGradient'> = {
    kernel: 'conv2dInputGradient',
    inputs: { outputGradient: filled(output, 5), filter: filled(weights, 2), addend: filled(input, 6) },
    outputs: { output: backend.allocate(input) },
    attributes,
  };
  const ofFilter: KernelCall<'conv2dFilterGradient'> = {
    kernel: 'conv2dFilterGradient',
    inputs: { input: filled(input, 1), outputGradient: filled(output, 5) },
    outputs: { output: backend.allocate(weights) },
    attributes,
  };
  return { forward, ofInput, ofFilter };
}

/** All numbers of blocks that a subgroup of MATRIX_TILES computes; few subgroups, for by hand each takes a second to compile. */
const TILES_BY_HAND: readonly MatrixTile[] = [
  { rows: 64, columns: 64, inner: 16, subgroupRows: 64, subgroupColumns: 32, enough: 0 },
  { rows: 64, columns: 64, inner: 16, subgroupRows: 32, subgroupColumns: 32, enough: 0 },
  { rows: 64, columns: 32, inner: 32, subgroupRows: 16, subgroupColumns: 32, enough: 0 },
  { rows: 32, columns: 32, inner: 32, subgroupRows: 16, subgroupColumns: 16, enough: 0 },
];

test('what is tried by hand is what tiles are made of, and each thread has its loads', () => {
  const blocksOf = ({ subgroupRows, subgroupColumns }: MatrixTile) => `${subgroupRows}x${subgroupColumns}`;
  assert.equal([...new Set(MATRIX_TILES.map(blocksOf))].sort(), TILES_BY_HAND.map(blocksOf).sort());
  for (const tile of [...MATRIX_TILES, ...TILES_BY_HAND]) {
    const { rows, columns, inner, subgroupRows, subgroupColumns } = tile;
    const threads = (rows / subgroupRows) * (columns / subgroupColumns) * 32;
    // Both matrices turned take most: rows of halves with room for eight more, and a block of sums for each subgroup.
    const bytes = 2 * (rows + columns) * (inner + 8) + 4 * 256 * (threads / 32);
    assert.ok(bytes <= MATRIX_STORAGE, `${rows}x${columns}: ${bytes} bytes of workgroup memory`);
    for (const width of [rows, columns]) {
      assert.ok([1, 2, 4].includes((width * inner) / 4 / threads), `${rows}x${columns}: loads of vectors`);
      assert.ok((width * inner) / 16 <= threads, `${rows}x${columns}: loads of blocks`);
    }
  }
});

/** On a card with tensor cores by those, on halves; elsewhere by hand, on f32: the same but for the rounding of results. */
for (const [name, attributes] of Object.entries({ 'stride 1': sizes(1), 'stride 2': sizes(2), 'one pixel': POINTWISE }))
  test(`a convolution of ${name} and both its gradients equal reference, by tiles in turn, on a card by each`, async () => {
    const gpu = await testGpu();
    if (!gpu) return;
    const storage = gpu.multipliesMatrices ? 'f16' : 'f32';
    const backend = await openWebgpu({ device: gpu.device, halves: storage, matrices: storage === 'f16' || 'by hand' });
    const expectedCalls = makeCalls(reference, attributes);
    const expected = new Map<string, Awaited<ReturnType<Backend['read']>>>();
    for (const call of Object.values(expectedCalls)) {
      reference.run(call);
      expected.set(call.kernel, await reference.read(call.outputs.output));
    }
    const calls = makeCalls(backend, attributes);
    const tiles = storage === 'f16' ? MATRIX_TILES : attributes === POINTWISE ? TILES_BY_HAND.slice(2) : TILES_BY_HAND;
    // At once, for the pipelines are compiled meanwhile.
    const products = tiles.flatMap((tile, k) =>
      // By hand they take seconds to compile: the tiles take turns.
      [calls.forward, calls.ofInput, calls.ofFilter]
        .filter((_, product) => storage === 'f16' || (k + product) % 2 === 0)
        .map((call) => ({ tile, call, dispatches: productOfMatrices(call, tile) })),
    );
    const compared = products.map(async ({ tile, call, dispatches }) => {
      const { output } = call.outputs;
      const { lent, ofCalls } = onHalves(
        [{ call, dispatches }],
        { constants: new Set(), results: new Set([output]), halvingOf: () => 'always' },
        storage,
      );
      const [{ before, dispatches: made, after }] = ofCalls;
      const [first, ...rest] = [...before, ...made, ...after];
      const program = await backend.prepareDispatches([{ ...first, scratch: lent }, ...rest]);
      program.run();
      const actual = await backend.read(output);
      program.run();
      assert.equal(await backend.read(output), actual, 'the same bits again');
      program.free();
      const error = relativeError(actual, expected.get(call.kernel) ?? new Float32Array());
      // Sums are of 32 bits; what a convolution and the gradient of its input store is rounded to halves.
      const tolerance = storage === 'f16' && call.kernel !== 'conv2dFilterGradient' ? 1e-3 : 1e-5;
      assert.ok(error < tolerance, `${call.kernel}, ${tile.rows}x${tile.columns}: relative error ${error}`);
    });
    await Promise.all(compared);
    await backend.close();
  });

test('products of single numbers, of few channels and small ones are left to the other form', () => {
  const slot = { length: 0 };
  const call = (inChannels: number, outChannels: number, batch = 256): KernelCall<'conv2d'> => ({
    kernel: 'conv2d',
    inputs: { input: slot, filter: slot },
    outputs: { output: slot },
    attributes: { ...sizes(1), batch, inChannels, outChannels, activation },
  });
  assert.is(matrixDispatches(call(3, 64)), undefined);
  assert.is(matrixDispatches(call(32, 67)), undefined);
  assert.is(matrixDispatches(call(8, 64)), undefined);
  assert.is(matrixDispatches(call(32, 64, 2)), undefined);
  assert.is(matrixDispatches(call(16, 16))?.[0].shader, 'conv2dMatrices');
});

test.run();
