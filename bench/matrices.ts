/**
 * The 3x3 layers of the default MiniResNet and their gradients on WebGPU: f32 with the tile of the rule of thumb, halves with
 * the same, and halves on tensor cores with each tile, taking turns.
 *
 *   npm run bench -- matrices [--batch 32,256] [--rehearse] [--json]
 *
 * --rehearse multiplies small matrices by hand and keeps f32, to try everything on a GPU without tensor cores.
 */
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { programTurn } from '../src/bench/gpu-times';
import { squareWindow } from '../src/bench/kernel-case';
import { type MeasureOptions, medianTimes } from '../src/bench/measure';
import { type Conv2dSizes, LINEAR, type Slot } from '../src/kernels/kernel';
import { openWebgpu, type WebgpuBackend } from '../src/kernels/webgpu/backend';
import type { Dispatch } from '../src/kernels/webgpu/dispatch';
import { MATRIX_TILES, type MatrixTile } from '../src/kernels/webgpu/gemm';
import { halfFormOf } from '../src/kernels/webgpu/half';
import { dispatchesOf } from '../src/kernels/webgpu/kernels';
import { matrixDispatches, type Product, productOfMatrices } from '../src/kernels/webgpu/matrices';
import { startOnSoftware } from './helpers/software-gpu';

const LAYERS = [
  { side: 56, stride: 1, inChannels: 32, outChannels: 32 },
  { side: 56, stride: 2, inChannels: 32, outChannels: 64 },
  { side: 28, stride: 1, inChannels: 64, outChannels: 64 },
  { side: 14, stride: 1, inChannels: 128, outChannels: 128 },
  { side: 7, stride: 1, inChannels: 256, outChannels: 256 },
];
type Layer = (typeof LAYERS)[number];

interface Row extends Layer {
  batch: number;
  kernel: Product['kernel'];
  /** TFLOP/s: two for each multiply-add of the textbook's sum. */
  full: number;
  half: number;
  /** By tile; the one that the rule of thumb chooses, if it chooses tensor cores at all, is `chosen`. */
  matrices: Record<string, number>;
  chosen?: string;
}

const nameOf = ({ rows, columns }: MatrixTile) => `${rows}x${columns}`;

function productsOf(sizes: Conv2dSizes, slotOf: (length: number) => Slot): Product[] {
  const { batch, height, width, inChannels, outHeight, outWidth, outChannels } = sizes;
  const image = slotOf(batch * height * width * inChannels);
  const result = slotOf(batch * outHeight * outWidth * outChannels);
  const filter = slotOf(9 * inChannels * outChannels);
  return [
    {
      kernel: 'conv2d',
      inputs: { input: image, filter },
      outputs: { output: result },
      attributes: { ...sizes, activation: LINEAR },
    },
    {
      kernel: 'conv2dInputGradient',
      inputs: { outputGradient: result, filter },
      outputs: { output: image },
      attributes: sizes,
    },
    {
      kernel: 'conv2dFilterGradient',
      inputs: { input: image, outputGradient: result },
      outputs: { output: filter },
      attributes: sizes,
    },
  ];
}

async function measure(backend: WebgpuBackend, layer: Layer, batch: number, options: MeasureOptions): Promise<Row[]> {
  const { side, stride, inChannels, outChannels } = layer;
  const sizes = { ...squareWindow(side, 3, stride, batch), inChannels, outChannels };
  const slots: Slot[] = [];
  const products = productsOf(sizes, (length) => {
    slots.push(backend.allocate(length)); // whatever is in there
    return slots[slots.length - 1];
  });
  const operations = 18 * batch * sizes.outHeight * sizes.outWidth * inChannels * outChannels;
  const rows: Row[] = [];
  try {
    for (const call of products) {
      const columns = call.kernel === 'conv2dInputGradient' ? inChannels : outChannels;
      // In f32 tiles as deep as these take more workgroup memory than some devices have.
      const tiles = MATRIX_TILES.filter((tile) => tile.columns <= columns).map(
        (tile): MatrixTile => (isRehearsal ? { ...tile, inner: 16 } : tile),
      );
      const plain = dispatchesOf(call, Number.POSITIVE_INFINITY);
      // What adds up parts has no form for halves.
      const inHalves = (dispatches: Dispatch[]) =>
        isRehearsal
          ? dispatches
          : dispatches.map((one): Dispatch => (halfFormOf(one.shader) ? { ...one, storage: 'f16' } : one));
      const contenders = [plain, inHalves(plain), ...tiles.map((tile) => inHalves(productOfMatrices(call, tile)))];
      const programs = await Promise.all(contenders.map((dispatches) => backend.prepareDispatches(dispatches)));
      const times = await medianTimes(
        programs.map((program) => programTurn(backend, program)),
        options,
      );
      for (const program of programs) program.free();
      const [full, half, ...matrices] = times.map((milliseconds) => operations / milliseconds / 1e9);
      const chosen = matrixDispatches(call)?.[0].sizes;
      rows.push({
        ...layer,
        ...{ batch, kernel: call.kernel, full, half },
        matrices: Object.fromEntries(tiles.map((tile, k) => [nameOf(tile), matrices[k]])),
        ...(chosen && { chosen: `${chosen.TILE_ROWS}x${chosen.TILE_COLUMNS}` }),
      });
    }
  } finally {
    for (const slot of slots) backend.free(slot);
  }
  return rows;
}

function print(rows: readonly Row[], device: string): void {
  const names = MATRIX_TILES.map(nameOf);
  const table = new Table({
    head: ['', 'batch', '', 'f32', 'halves', ...names],
    style: { head: [], border: [], compact: true },
  });
  for (const { side, stride, inChannels, outChannels, batch, kernel, full, half, matrices, chosen } of rows)
    table.push([
      `${side}x${side}x${inChannels}, 3x3/${stride}, to ${outChannels}`,
      ...[batch, kernel, full.toPrecision(3), half.toPrecision(3)],
      ...names.map((name) =>
        name in matrices ? `${matrices[name].toPrecision(3)}${name === chosen ? ' <' : ''}` : '',
      ),
    ]);
  console.log(`Node ${process.version}, ${device}. TFLOP/s, two for each multiply-add; medians.`);
  console.log(`On tensor cores by tile; < is the rule of thumb's choice.\n${table}`);
}

const { values } = parseArgs({
  options: {
    batch: { type: 'string' },
    rehearse: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const isRehearsal = values.rehearse;
const backend = await openWebgpu({
  allowSoftware: isRehearsal,
  ...(isRehearsal && { halves: 'f32', matrices: 'by hand' }),
}).catch(startOnSoftware);
if (!backend.multipliesMatrices)
  throw new Error(`${backend.description} has no tensor cores that WebGPU can use; try --rehearse`);
const { isSoftware } = backend;
const batches = (values.batch ?? (isSoftware ? '1' : '32,256')).split(',').map(Number);
if (!batches.every((batch) => Number.isInteger(batch) && batch > 0))
  throw new Error('--batch takes whole numbers above 0');
const options: MeasureOptions = isSoftware
  ? { rounds: 1, warmUps: 0, seconds: 1, minimum: 1 }
  : { rounds: 7, warmUps: 2, seconds: 0.05, minimum: 3 };
const rows: Row[] = [];
for (const batch of batches)
  for (const layer of isSoftware ? LAYERS.slice(-1) : LAYERS)
    rows.push(...(await measure(backend, layer, batch, options)));
if (values.json) console.log(JSON.stringify({ node: process.version, device: backend.description, isSoftware, rows }));
else print(rows, backend.description);
process.exit(); // Dawn holds the process
