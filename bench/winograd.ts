/**
 * The 3x3 layers of stride 1 of MiniResNet and of the face ResNet on WebGPU: the plain sum against Winograd's
 * F(2x2, 3x3), each with all tiles, taking turns, and how far both are off the sum in float64.
 *
 *   npm run bench -- winograd [--batch 1,32,256] [--json]
 */
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { finished, programTurn } from '../src/bench/gpu-times';
import { squareWindow } from '../src/bench/kernel-case';
import { type MeasureOptions, median, medianTimes, type Turn } from '../src/bench/measure';
import type { Numbers, Program } from '../src/kernels/backend';
import { type Conv2dSizes, type KernelCall, LINEAR, type Slot } from '../src/kernels/kernel';
import { openWebgpu, type WebgpuBackend } from '../src/kernels/webgpu/backend';
import { tiledConv2d } from '../src/kernels/webgpu/conv2d';
import type { Dispatch } from '../src/kernels/webgpu/dispatch';
import { chooseTile, TILES, type Tile } from '../src/kernels/webgpu/gemm';
import { allowsWinograd, winogradConv2d } from '../src/kernels/webgpu/winograd';
import { random } from '../src/tensor/random';
import { startOnSoftware } from './helpers/software-gpu';

const LAYERS = [
  { network: 'MiniResNet', side: 56, channels: 32 },
  { network: 'MiniResNet', side: 28, channels: 64 },
  { network: 'MiniResNet', side: 14, channels: 128 },
  { network: 'MiniResNet', side: 7, channels: 256 },
  { network: 'face ResNet', side: 35, channels: 32 },
  { network: 'face ResNet', side: 17, channels: 64 },
  { network: 'face ResNet', side: 8, channels: 128 },
  { network: 'face ResNet', side: 4, channels: 256 },
];
type Layer = (typeof LAYERS)[number];

interface Measured {
  tile: string;
  /** By the GPU's own clock where it has one: the sum of its dispatches. */
  milliseconds: number;
  /** Of a run among many in a row, by the clock on the wall: what lies between the dispatches counts as well. */
  inARow: number;
  /** Largest difference from float64, as a share of the largest number; both of a sample of the output. */
  error: number;
}

interface Row extends Layer {
  batch: number;
  /** With the tile that the rule of thumb chooses. */
  ruleMilliseconds?: number;
  /** With the fastest tile. */
  direct?: Measured;
  /** With the fastest tile, and what its four dispatches take, where the GPU has a clock: filter, input, products, output. */
  winograd?: Measured & { dispatches: number[] };
  /** Whether tuning would try it: not where it takes too much memory. */
  isCandidate?: boolean;
  failure?: string;
}

/** Runs in a row take about so many milliseconds, so that waiting for their end is a small part. */
const A_ROW = 10;
const MOST_IN_A_ROW = 500;
const SAMPLES = 500;
/** Random numbers are drawn so many times, then repeated: a prime, so that no two rows of an image are alike. */
const PERIOD = 65_521;

const say = (sentence: string) => console.error(`winograd: ${sentence}`);
const nameOf = ({ rows, columns }: Tile) => `${rows}x${columns}`;

function drawn(length: number, seed: number): Float32Array {
  const { normal } = random(seed);
  const numbers = new Float32Array(length);
  for (let i = 0; i < Math.min(length, PERIOD); i++) numbers[i] = normal();
  for (let filled = PERIOD; filled < length; filled *= 2)
    numbers.copyWithin(filled, 0, Math.min(filled, length - filled));
  return numbers;
}

/** How far off `output` is at some of its places. */
function errorOf(sizes: Conv2dSizes, input: Float32Array, filter: Float32Array, output: Numbers): number {
  const { height, width, inChannels, outHeight, outWidth, outChannels, top, left } = sizes;
  const { between } = random(7);
  let [worst, largest] = [0, 0];
  for (let sample = 0; sample < SAMPLES; sample++) {
    const place = Math.floor(between(0, output.length));
    const [o, pixel] = [place % outChannels, Math.floor(place / outChannels)];
    const [j, i, n] = [
      pixel % outWidth,
      Math.floor(pixel / outWidth) % outHeight,
      Math.floor(pixel / outWidth / outHeight),
    ];
    let sum = 0;
    for (let tap = 0; tap < 9; tap++) {
      const [y, x] = [i + Math.floor(tap / 3) - top, j + (tap % 3) - left];
      if (y < 0 || y >= height || x < 0 || x >= width) continue;
      for (let c = 0; c < inChannels; c++)
        sum +=
          input[((n * height + y) * width + x) * inChannels + c] * filter[(tap * inChannels + c) * outChannels + o];
    }
    worst = Math.max(worst, Math.abs(output[place] - sum));
    largest = Math.max(largest, Math.abs(sum));
  }
  return worst / largest;
}

/** Turns of many runs in a row. */
function rowTurn(backend: WebgpuBackend, program: Program, milliseconds: number): Turn {
  const runs = Math.min(MOST_IN_A_ROW, Math.ceil(A_ROW / milliseconds));
  return async () => {
    const started = performance.now();
    for (let run = 0; run < runs; run++) program.run();
    await finished(backend);
    return [(performance.now() - started) / runs];
  };
}

/** Median milliseconds of each dispatch of a program; none where the GPU has no clock. */
async function dispatchTimes(backend: WebgpuBackend, program: Program): Promise<number[]> {
  if (!backend.features.timestamps) return [];
  const runs: number[][] = [];
  for (let run = 0; run < 5; run++) {
    const { calls } = await backend.profile(() => program.run());
    runs.push(calls.flatMap(({ milliseconds }) => milliseconds ?? []));
  }
  return runs[0].map((_, k) => median(runs.map((times) => times[k])));
}

async function measure(backend: WebgpuBackend, layer: Layer, batch: number, options: MeasureOptions): Promise<Row> {
  const { side, channels } = layer;
  const sizes = { ...squareWindow(side, 3, 1, batch), inChannels: channels, outChannels: channels };
  const positions = batch * side * side;
  const numbers = { input: drawn(positions * channels, 1), filter: drawn(9 * channels * channels, 2) };
  const slots: Slot[] = [];
  const programs: Program[] = [];
  const slotOf = (length: number) => {
    slots.push(backend.allocate(length));
    return slots[slots.length - 1];
  };
  try {
    const call: KernelCall<'conv2d'> = {
      kernel: 'conv2d',
      inputs: { input: slotOf(numbers.input.length), filter: slotOf(numbers.filter.length) },
      outputs: { output: slotOf(positions * channels) },
      attributes: { ...sizes, activation: LINEAR },
    };
    backend.write(call.inputs.input, numbers.input);
    backend.write(call.inputs.filter, numbers.filter);
    const rule = chooseTile(TILES, positions, channels);
    const tiles = backend.isSoftware ? [rule] : TILES.filter(({ columns }) => columns <= channels);
    const prepared = async (tile: Tile, dispatches: Dispatch[]) => {
      const program = await backend.prepareDispatches(dispatches);
      programs.push(program);
      return { tile, program };
    };
    const direct = [];
    const winograd = [];
    for (const tile of tiles) {
      direct.push(await prepared(tile, [tiledConv2d(call, tile)]));
      winograd.push(await prepared(tile, winogradConv2d(call, tile)));
    }
    const contenders = [...direct, ...winograd];
    const times = await medianTimes(
      contenders.map(({ program }) => programTurn(backend, program)),
      options,
    );
    const timed = contenders.map((contender, k) => ({ ...contender, milliseconds: times[k] }));
    const fastest = (some: typeof timed) =>
      some.reduce((one, other) => (other.milliseconds < one.milliseconds ? other : one));
    const best = [fastest(timed.slice(0, tiles.length)), fastest(timed.slice(tiles.length))];
    const inARow = await medianTimes(
      best.map(({ program, milliseconds }) => rowTurn(backend, program, milliseconds)),
      options,
    );
    const measured: Measured[] = [];
    for (const [k, { tile, program, milliseconds }] of best.entries()) {
      program.run();
      const error = errorOf(sizes, numbers.input, numbers.filter, await backend.read(call.outputs.output));
      measured.push({ tile: nameOf(tile), milliseconds, inARow: inARow[k], error });
    }
    return {
      ...layer,
      batch,
      ruleMilliseconds: times[tiles.indexOf(rule)],
      direct: measured[0],
      winograd: { ...measured[1], dispatches: await dispatchTimes(backend, best[1].program) },
      isCandidate: allowsWinograd(call),
    };
  } finally {
    for (const program of programs) program.free();
    for (const slot of slots) backend.free(slot);
  }
}

const digits = (value: number | undefined): string => (value === undefined ? '' : value.toPrecision(3));

function print(rows: readonly Row[], device: string): void {
  const table = new Table({
    head: [
      '',
      'batch',
      'rule',
      'direct',
      'Winograd',
      'ratio',
      'in a row',
      'ratio',
      'filter, input, products, output',
      'off by',
    ],
    style: { head: [], border: [], compact: true },
  });
  for (const { network, side, channels, batch, ruleMilliseconds, direct, winograd, isCandidate, failure } of rows) {
    const name = `${network} ${side}x${side}x${channels}`;
    if (!direct || !winograd) {
      table.push([name, batch, { colSpan: 8, content: failure ?? '' }]);
      continue;
    }
    table.push([
      ...[name, batch, digits(ruleMilliseconds)],
      `${digits(direct.milliseconds)} (${direct.tile})`,
      `${digits(winograd.milliseconds)} (${winograd.tile})${isCandidate ? '' : ' *'}`,
      (direct.milliseconds / winograd.milliseconds).toFixed(2),
      `${digits(direct.inARow)}, ${digits(winograd.inARow)}`,
      (direct.inARow / winograd.inARow).toFixed(2),
      winograd.dispatches.map(digits).join(', '),
      `${direct.error.toExponential(0)}, ${winograd.error.toExponential(0)}`,
    ]);
  }
  console.log(`Node ${process.version}, ${device}. Median milliseconds, each with its fastest tile.`);
  console.log("Rule: the plain sum with the tile of the rule of thumb. Ratio: the plain sum's time by Winograd's.");
  console.log('In a row: both among runs one after the other, gaps included. Off by: both, against float64.');
  console.log(`* takes more memory than tuning allows.\n${table}`);
}

const { values } = parseArgs({
  options: { batch: { type: 'string' }, json: { type: 'boolean', default: false } },
});
const backend = await openWebgpu({ allowSoftware: true }).catch(startOnSoftware);
// A driver that computes on the CPU is given what it can do within a minute or two.
const { isSoftware } = backend;
const batches = (values.batch ?? (isSoftware ? '1' : '1,32,256')).split(',').map(Number);
if (!batches.every((batch) => Number.isInteger(batch) && batch > 0))
  throw new Error('--batch takes whole numbers above 0');
const options: MeasureOptions = isSoftware
  ? { rounds: 1, warmUps: 1, seconds: 1, minimum: 1 }
  : { rounds: 7, warmUps: 1, seconds: 0.05, minimum: 3 };
const rows: Row[] = [];
for (const batch of batches)
  for (const layer of isSoftware ? LAYERS.slice(-2) : LAYERS) {
    const started = performance.now();
    rows.push(
      await measure(backend, layer, batch, options).catch((error: unknown) => ({
        ...layer,
        batch,
        failure: error instanceof Error ? error.message : String(error),
      })),
    );
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    say(`${layer.network} ${layer.side}x${layer.side}x${layer.channels}, batch ${batch}: ${seconds} s`);
  }
if (values.json) console.log(JSON.stringify({ node: process.version, device: backend.description, isSoftware, rows }));
else print(rows, backend.description);
process.exit(); // Dawn holds the process
