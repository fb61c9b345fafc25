import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Backend, Numbers } from '../../../src/kernels/backend';
import type { Conv2dSizes, KernelCall } from '../../../src/kernels/kernel';
import { openReference } from '../../../src/kernels/reference/backend';
import { openWebgpu, type WebgpuBackend } from '../../../src/kernels/webgpu/backend';
import { candidates } from '../../../src/kernels/webgpu/candidates';
import { TILES, type Tile } from '../../../src/kernels/webgpu/gemm';
import { dispatchesOf } from '../../../src/kernels/webgpu/kernels';
import { shapeKey } from '../../../src/kernels/webgpu/tile-table';
import { winogradConv2d, winogradInputGradient } from '../../../src/kernels/webgpu/winograd';
import { random } from '../../../src/tensor/random';
import { openTestGpu } from '../../helpers/gpu';

const test = suite('Winograd on WebGPU');

let backend: WebgpuBackend | undefined;
test.before(async () => {
  backend = await openTestGpu();
});
test.after(() => backend?.close());

const sizesOf = (
  batch: number,
  [height, width]: readonly [number, number],
  [inChannels, outChannels]: readonly [number, number],
  padding: number,
): Conv2dSizes => ({
  ...{ batch, height, width, inChannels, outChannels },
  ...{ outHeight: height + 2 * padding - 2, outWidth: width + 2 * padding - 2 },
  ...{ filterHeight: 3, filterWidth: 3, strideY: 1, strideX: 1, top: padding, left: padding },
});

/** Few workgroups and no slices: of all tiles a software GPU gets done with this one first. */
const TILE = TILES[3];

/** Odd sides, tiles that are not full, channels that fill no tile; padding below and right only. */
const SIZES: readonly Conv2dSizes[] = [
  sizesOf(2, [5, 7], [4, 36], 1),
  sizesOf(2, [5, 7], [36, 4], 0),
  sizesOf(1, [6, 4], [12, 20], 1),
  sizesOf(3, [1, 2], [8, 8], 2),
  { ...sizesOf(1, [5, 8], [8, 12], 1), top: 0, left: 0 },
];

const inputLength = ({ batch, height, width, inChannels }: Conv2dSizes) => batch * height * width * inChannels;
const outputLength = ({ batch, outHeight, outWidth, outChannels }: Conv2dSizes) =>
  batch * outHeight * outWidth * outChannels;

/** Slots with the same numbers on any backend. Outputs have some, too, so that none of them may be left out. */
function filler(backend: Backend) {
  const generator = random(3);
  return (length: number) => {
    const slot = backend.allocate(length);
    backend.write(
      slot,
      Float32Array.from({ length }, () => generator.normal()),
    );
    return slot;
  };
}

function convolution(backend: Backend, sizes: Conv2dSizes, isWhole: boolean): KernelCall<'conv2d'> {
  const filled = filler(backend);
  const [input, filter] = [inputLength(sizes), 9 * sizes.inChannels * sizes.outChannels].map(filled);
  return {
    kernel: 'conv2d',
    inputs: {
      input,
      filter,
      ...(isWhole && { bias: filled(sizes.outChannels), residual: filled(outputLength(sizes)) }),
    },
    outputs: { output: filled(outputLength(sizes)) },
    attributes: { ...sizes, activation: isWhole ? { slope: 0.5, ceiling: 10 } : { slope: 1, ceiling: Infinity } },
  };
}

function inputGradient(backend: Backend, attributes: Conv2dSizes, hasAddend: boolean) {
  const filled = filler(backend);
  const [outputGradient, filter] = [outputLength(attributes), 9 * attributes.inChannels * attributes.outChannels].map(
    filled,
  );
  const call: KernelCall<'conv2dInputGradient'> = {
    kernel: 'conv2dInputGradient',
    inputs: { outputGradient, filter, ...(hasAddend && { addend: filled(inputLength(attributes)) }) },
    outputs: { output: filled(inputLength(attributes)) },
    attributes,
  };
  return call;
}

/** The call's output as the plain loops have it, in float64. */
async function expected(makeCall: (backend: Backend) => KernelCall<'conv2d' | 'conv2dInputGradient'>) {
  const reference = openReference();
  const call = makeCall(reference);
  reference.run(call);
  return reference.read(call.outputs.output);
}

function assertClose(actual: Numbers, right: Numbers, what: string): void {
  const magnitude = Math.max(...Array.from(right, Math.abs));
  const worst = Math.max(...Array.from(actual, (value, i) => Math.abs(value - right[i])));
  assert.is(actual.length, right.length);
  assert.ok(worst < 1e-5 * magnitude, `${what}: off by ${worst} of ${magnitude}`);
}

test('the convolution, odd sides and all, with and without what follows the sum', async () => {
  if (!backend) return;
  for (const sizes of SIZES)
    for (const isWhole of [true, false]) {
      const call = convolution(backend, sizes, isWhole);
      const program = await backend.prepareDispatches(winogradConv2d(call, TILE));
      program.run();
      const right = await expected((reference) => convolution(reference, sizes, isWhole));
      assertClose(await backend.read(call.outputs.output), right, JSON.stringify(sizes));
      program.free();
    }
});

test('the gradient of the input, with and without another gradient added', async () => {
  if (!backend) return;
  for (const sizes of SIZES)
    for (const hasAddend of [true, false]) {
      const call = inputGradient(backend, sizes, hasAddend);
      const program = await backend.prepareDispatches(winogradInputGradient(call, TILE));
      program.run();
      const right = await expected((reference) => inputGradient(reference, sizes, hasAddend));
      assertClose(await backend.read(call.outputs.output), right, JSON.stringify(sizes));
      program.free();
    }
});

test('with tiles of several forms; the same bits in every run, and no scratch is left', async () => {
  if (!backend) return;
  const forwards = convolution(backend, SIZES[0], true);
  const back = inputGradient(backend, SIZES[0], true);
  const right = await expected((reference) => convolution(reference, SIZES[0], true));
  const rightBack = await expected((reference) => inputGradient(reference, SIZES[0], true));
  const bytes = backend.liveBytes;
  const run = (tile: Tile) => ({ tile, call: forwards, dispatches: winogradConv2d(forwards, tile), right });
  const runBack = (tile: Tile) => ({
    tile,
    call: back,
    dispatches: winogradInputGradient(back, tile),
    right: rightBack,
  });
  // Filters are loaded four times, once and twice a thread, and turned; a software GPU compiles each for seconds.
  const runs = [...[TILES[1], TILES[3], TILES[4]].map(run), ...[TILES[2], TILES[4]].map(runBack)];
  const gpu = backend;
  await Promise.all(runs.map(async ({ dispatches }) => (await gpu.prepareDispatches(dispatches)).free())); // compiled
  for (const { tile, call, dispatches, right: sums } of runs) {
    const program = await backend.prepareDispatches(dispatches);
    program.run();
    const first = await backend.read(call.outputs.output);
    assertClose(first, sums, `${call.kernel} ${tile.rows}x${tile.columns}`);
    program.run();
    assert.equal(await backend.read(call.outputs.output), first);
    program.free();
    assert.is(backend.liveBytes, bytes);
  }
});

/** Calls of these sizes, of no backend. */
const calls = (sizes: Conv2dSizes): KernelCall<'conv2d' | 'conv2dInputGradient'>[] => {
  const slot = { length: 0 };
  const outputs = { output: slot };
  return [
    {
      kernel: 'conv2d',
      inputs: { input: slot, filter: slot },
      outputs,
      attributes: { ...sizes, activation: { slope: 0, ceiling: 6 } },
    },
    { kernel: 'conv2dInputGradient', inputs: { outputGradient: slot, filter: slot }, outputs, attributes: sizes },
  ];
};
const usesWinograd = ({ dispatches }: Pick<ReturnType<typeof candidates>[number], 'dispatches'>) =>
  dispatches.some(({ shader }) => shader === 'winogradProducts');

test('a candidate for 3x3 filters of stride 1 and channels in fours, with every tile; never the rule of thumb', () => {
  const sizes = sizesOf(2, [6, 8], [16, 36], 1);
  for (const call of calls(sizes)) {
    const found = candidates(call);
    assert.is(found.filter(usesWinograd).length, TILES.length);
    assert.is(new Set(found.map(({ tile }) => tile)).size, found.length);
    assert.not(usesWinograd({ dispatches: dispatchesOf(call, Number.POSITIVE_INFINITY) }));
  }
  for (const change of [
    { strideX: 2 },
    { strideY: 2 },
    { filterWidth: 5 },
    { filterHeight: 1 },
    { inChannels: 18 },
    { outChannels: 3 },
  ])
    for (const call of calls({ ...sizes, ...change })) {
      const found = candidates(call);
      assert.ok(found.length > 0 && !found.some(usesWinograd), `${call.kernel} ${JSON.stringify(change)}`);
    }
});

test('no candidate where what lies between the steps takes more than 128 MiB', () => {
  const counts = (sizes: Conv2dSizes) => calls(sizes).map((call) => candidates(call).filter(usesWinograd).length);
  const all = TILES.length;
  assert.equal(counts(sizesOf(32, [32, 32], [256, 4], 1)), [all, all]);
  assert.equal(counts(sizesOf(32, [32, 32], [4, 256], 1)), [all, all]);
  assert.equal(counts(sizesOf(33, [32, 32], [256, 4], 1)), [0, 0]);
  assert.equal(counts(sizesOf(33, [32, 32], [4, 256], 1)), [0, 0]);
  // Its tiles are those of the larger image here.
  assert.equal(counts(sizesOf(32, [34, 34], [256, 256], 0)), [all, 0]);
});

test('a tile table that names it gets it', async () => {
  const sizes = sizesOf(1, [6, 4], [12, 20], 1);
  const [named] = calls(sizes);
  const key = shapeKey(named);
  const choice = candidates(named).findLast(usesWinograd);
  assert.ok(key !== undefined && choice);
  if (!backend) return;
  const tuned = await openWebgpu({ device: backend.device, tiles: async () => new Map([[key, choice.tile]]) });
  const call = convolution(tuned, sizes, true);
  const profile = await tuned.profile(() => tuned.run(call));
  assert.equal(
    profile.calls.map(({ shaders }) => shaders),
    [['winogradFilter', 'winogradInput', 'winogradProducts', 'winogradOutput']],
  );
  const right = await expected((reference) => convolution(reference, sizes, true));
  assertClose(await tuned.read(call.outputs.output), right, 'by the table');
  await tuned.close();
});

test.run();
