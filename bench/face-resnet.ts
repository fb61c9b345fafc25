/**
 * One face's embedding, dlib's face ResNet at 150x150: likeness, ONNX Runtime (native, and WebAssembly) and
 * TensorFlow.js, with the same weights and input. Each contender is a process of its own, and they take turns.
 *
 *   npm run bench -- face-resnet [--batch 1 --batch 32] [--only likeness --only onnxruntime-node] [--json]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { median, medianTimes } from '../src/bench/measure';
import { exportPretrained } from '../src/face/onnx';
import { openReference } from '../src/kernels/reference/backend';
import { openWasm } from '../src/kernels/wasm/backend';
import { encodeOnnx } from '../src/nn/onnx/proto';
import {
  drawnChips,
  type Embed,
  type FaceContender,
  FLOPS_OF_FACE,
  likenessEmbedder,
  onnxruntimeEmbedder,
  tensorflowEmbedder,
} from './peers/face-embedders';
import { isOnnxruntimeInstalled, type OrtPackage, openOnnx } from './peers/onnxruntime';
import { isTensorFlowInstalled, openTensorFlow } from './peers/tensorflow';

const COLD_STARTS = 3;
const BASELINE = 'onnxruntime-node, 1 thread';
const LARGEST_DIFFERENCE = 1e-4;
const ONNX_FILE = '.cache/bench/face-recognition.onnx';

const likeness = async (threads: number) => likenessEmbedder(await openWasm({ threads }));

const tensorflow = async (backend: 'cpu' | 'wasm', threads: number, folded: boolean) =>
  tensorflowEmbedder(await openTensorFlow(backend, threads), folded);

const onnxruntime = async (name: OrtPackage, threads: number) =>
  onnxruntimeEmbedder(await openOnnx(name, await readFile(ONNX_FILE), threads));

const OURS: [string, () => Promise<FaceContender>][] = [
  ['likeness wasm, 1 thread', () => likeness(1)],
  ['likeness wasm, 2 threads', () => likeness(2)],
];
const NATIVE: [string, () => Promise<FaceContender>][] = [
  [BASELINE, () => onnxruntime('onnxruntime-node', 1)],
  ['onnxruntime-node, 2 threads', () => onnxruntime('onnxruntime-node', 2)],
];
const WEB: [string, () => Promise<FaceContender>][] = [
  ['onnxruntime-web wasm, 1 thread', () => onnxruntime('onnxruntime-web', 1)],
];
const TENSORFLOW: [string, () => Promise<FaceContender>][] = [
  ['TF.js wasm, 1 thread', () => tensorflow('wasm', 1, false)],
  ['TF.js wasm, 2 threads', () => tensorflow('wasm', 2, false)],
  // face-api calls convolution, bias, scale, shift and ReLU one by one. This is the best that TensorFlow.js could do:
  ['TF.js wasm, 1 thread, folded', () => tensorflow('wasm', 1, true)],
  ['TF.js wasm, 2 threads, folded', () => tensorflow('wasm', 2, true)],
  ['TF.js cpu', () => tensorflow('cpu', 1, false)],
];
const CONTENDERS = new Map([
  ...OURS,
  ...(isOnnxruntimeInstalled('onnxruntime-node') ? NATIVE : []),
  ...(isOnnxruntimeInstalled('onnxruntime-web') ? WEB : []),
  ...(isTensorFlowInstalled() ? TENSORFLOW : []),
]);

interface Order {
  batch: number;
  runs: number;
}

interface Result {
  /** Milliseconds of each run. */
  times: number[];
  embeddings: number[];
  /** Milliseconds since the start of the process. */
  now: number;
}

/** In the process of a contender: one embedding at once, then what it is told to do. */
async function contend(contender: FaceContender): Promise<void> {
  const ready = new Map<number, Promise<Embed>>();
  const carryOut = async ({ batch, runs }: Order) => {
    const chips = drawnChips(batch);
    const prepared = ready.get(batch) ?? contender(chips, batch);
    ready.set(batch, prepared);
    const embed = await prepared;
    const times: number[] = [];
    let embeddings = new Float32Array();
    for (let run = 0; run < runs; run++) {
      const started = performance.now();
      embeddings = Float32Array.from(await embed());
      times.push(performance.now() - started);
    }
    const result: Result = { times, embeddings: [...embeddings], now: performance.now() };
    process.send?.(result);
  };
  process.on('message', carryOut);
  process.on('disconnect', () => process.exit());
  await carryOut({ batch: 1, runs: 1 });
}

function start(name: string): ChildProcess {
  const contender = fork(process.argv[1], ['--contender', name]);
  contender.once('exit', (code) => {
    if (code === 0 || code === null) return;
    console.error(`${name} ended with code ${code}`);
    process.exit(1);
  });
  return contender;
}

async function resultOf(contender: ChildProcess): Promise<Result> {
  const [result] = await once(contender, 'message');
  return result;
}

async function order(contender: ChildProcess, what: Order): Promise<Result> {
  contender.send(what);
  return resultOf(contender);
}

/** What is said of a contender. */
interface Row {
  name: string;
  /** From the start of its process to its first embedding. */
  firstMilliseconds: number;
  batches: {
    batch: number;
    /** The median for the whole batch. */
    milliseconds: number;
    gflops: number;
    /** Its time by that of onnxruntime-node on one thread. */
    ratio?: number;
    /** The largest difference of a number from ours. */
    difference: number;
  }[];
}

async function compare(names: readonly string[], batches: readonly number[]): Promise<Row[]> {
  const rows: Row[] = [];
  const contenders: ChildProcess[] = [];
  for (const name of names) {
    const times: number[] = [];
    for (let k = 0; k < COLD_STARTS; k++) {
      const contender = start(name);
      times.push((await resultOf(contender)).now);
      if (k === COLD_STARTS - 1) contenders.push(contender);
      else contender.kill();
    }
    rows.push({ name, firstMilliseconds: median(times), batches: [] });
  }
  const baseline = names.indexOf(BASELINE);
  for (const batch of batches) {
    const results: Result[] = [];
    // One at a time, or whoever is slow would be slowed down.
    for (const contender of contenders) results.push(await order(contender, { batch, runs: 1 }));
    const [ours] = results;
    const differences = results.map(({ embeddings }) =>
      Math.max(...embeddings.map((value, i) => Math.abs(value - ours.embeddings[i]))),
    );
    const runs = batch < 8 ? 5 : 1;
    const turns = contenders.map((contender) => async () => (await order(contender, { batch, runs })).times);
    const medians = await medianTimes(turns, { warmUps: 1, minimum: 1 });
    for (const [k, milliseconds] of medians.entries())
      rows[k].batches.push({
        batch,
        milliseconds,
        gflops: (FLOPS_OF_FACE * batch) / milliseconds / 1e6,
        ...(baseline >= 0 && { ratio: milliseconds / medians[baseline] }),
        difference: differences[k],
      });
  }
  for (const contender of contenders) contender.kill();
  return rows;
}

function print(rows: readonly Row[], batches: readonly number[]): void {
  const table = new Table({
    head: ['', ...batches.flatMap((batch) => [`batch ${batch}, ms a face`, 'GFLOP/s', 'ratio', 'off by']), 'first, ms'],
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows)
    table.push([
      row.name,
      ...row.batches.flatMap(({ batch, milliseconds, gflops, ratio, difference }) => [
        (milliseconds / batch).toFixed(2),
        gflops.toFixed(1),
        ratio?.toFixed(2) ?? '',
        difference.toExponential(0),
      ]),
      row.firstMilliseconds.toFixed(0),
    ]);
  console.log(`Node ${process.version}. Medians. Ratio: time by that of ${BASELINE}. Off by: from ${rows[0].name}.`);
  console.log('First: from the start of the process to its first embedding.');
  console.log(`${table}`);
}

const { values } = parseArgs({
  options: {
    contender: { type: 'string' },
    batch: { type: 'string', multiple: true, default: ['1', '32'] },
    only: { type: 'string', multiple: true, default: [''] },
    json: { type: 'boolean', default: false },
  },
});
const open = CONTENDERS.get(values.contender ?? '');
if (open) await contend(await open());
else {
  if (!isTensorFlowInstalled() || !isOnnxruntimeInstalled('onnxruntime-node'))
    console.error('Not everyone is here: npm --prefix bench/peers ci --ignore-scripts installs the others.');
  const batches = values.batch.map(Number);
  const names = [...CONTENDERS.keys()].filter((name) => values.only.some((part) => name.includes(part)));
  if (names.length === 0 || !batches.every((batch) => Number.isInteger(batch) && batch > 0))
    throw new Error('usage: npm run bench -- face-resnet [--batch COUNT]... [--only PART-OF-A-NAME]... [--json]');
  await mkdir('.cache/bench', { recursive: true });
  await writeFile(ONNX_FILE, encodeOnnx(await exportPretrained(openReference(), 'face-recognition')));
  const rows = await compare(names, batches);
  if (values.json) console.log(JSON.stringify({ node: process.version, rows }, null, 2));
  else print(rows, batches);
  for (const { name, batches: measured } of rows)
    for (const { difference } of measured)
      if (!(difference <= LARGEST_DIFFERENCE)) throw new Error(`${name}: an embedding is off by ${difference}`);
}
