/**
 * One face's embedding, dlib's face ResNet at 150x150, on likeness and on TensorFlow.js. Each contender is a process
 * of its own, and they take turns.
 *
 *   npm run bench -- face-resnet
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import Table from 'cli-table3';
import { openPretrained } from '../src/face/pretrained/networks';
import { loadPretrained } from '../src/face/pretrained/weights';
import { openWasm } from '../src/kernels/wasm/backend';
import { compile, type Plan } from '../src/nn/compile';
import { median, medianTimes } from './measure';
import { faceResnet } from './peers/face-resnet';
import { isTensorFlowInstalled, openTensorFlow } from './peers/tensorflow';

/** Takes `batch` chips of 150x150 RGB, gives 128 numbers for each. */
type Embed = (chips: Float32Array, batch: number) => Promise<Float32Array>;

const CHIP = [150, 150, 3];
const CHIP_LENGTH = 150 * 150 * 3;
const FLOPS_OF_FACE = 2 * 270.8e6;
const COLD_STARTS = 3;
const BASELINE = 'TF.js wasm, 1 thread';

async function likeness(threads: number): Promise<Embed> {
  const backend = await openWasm({ threads });
  const { forward } = await openPretrained(backend, 'face_recognition');
  const plans = new Map<number, Plan>();
  return async (chips, batch) => {
    const plan = plans.get(batch) ?? (await compile(backend, forward, [batch, ...CHIP]));
    plans.set(batch, plan);
    backend.write(plan.input.slot, chips);
    const [output] = plan.run();
    return Float32Array.from(await output.data());
  };
}

async function tensorflow(backend: 'cpu' | 'wasm', threads: number, folded: boolean): Promise<Embed> {
  const tf = await openTensorFlow(backend, threads);
  const forward = faceResnet(tf, await loadPretrained('face_recognition'), folded);
  return async (chips, batch) => {
    const input = tf.tensor(chips, [batch, ...CHIP]);
    const output = forward(input);
    const embeddings = await output.data();
    input.dispose();
    output.dispose();
    return embeddings;
  };
}

const OURS: [string, () => Promise<Embed>][] = [
  ['likeness wasm, 1 thread', () => likeness(1)],
  ['likeness wasm, 2 threads', () => likeness(2)],
];
const THEIRS: [string, () => Promise<Embed>][] = [
  [BASELINE, () => tensorflow('wasm', 1, false)],
  ['TF.js wasm, 2 threads', () => tensorflow('wasm', 2, false)],
  // face-api calls convolution, bias, scale, shift and ReLU one by one. This is the best that TensorFlow.js could do:
  ['TF.js wasm, 1 thread, folded', () => tensorflow('wasm', 1, true)],
  ['TF.js wasm, 2 threads, folded', () => tensorflow('wasm', 2, true)],
  ['TF.js cpu', () => tensorflow('cpu', 1, false)],
];
const CONTENDERS = new Map([...OURS, ...(isTensorFlowInstalled() ? THEIRS : [])]);

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
async function contend(embed: Embed): Promise<void> {
  const carryOut = async ({ batch, runs }: Order) => {
    const chips = Float32Array.from({ length: batch * CHIP_LENGTH }, (_, i) => (i * 7919) % 256);
    const times: number[] = [];
    let embeddings = new Float32Array();
    for (let run = 0; run < runs; run++) {
      const started = performance.now();
      embeddings = Float32Array.from(await embed(chips, batch));
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
  const contender = fork(process.argv[1], [name]);
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

async function compare(): Promise<void> {
  if (!isTensorFlowInstalled()) console.error('Without TensorFlow.js: npm --prefix bench/peers ci installs it.');
  const names = [...CONTENDERS.keys()];
  const contenders: ChildProcess[] = [];
  const firsts: number[] = [];
  for (const name of names) {
    const times: number[] = [];
    for (let k = 0; k < COLD_STARTS; k++) {
      const contender = start(name);
      times.push((await resultOf(contender)).now);
      if (k === COLD_STARTS - 1) contenders.push(contender);
      else contender.kill();
    }
    firsts.push(median(times));
  }

  const millisecondsOfFace: number[][] = [];
  for (const [batch, runs] of [
    [1, 5],
    [16, 1],
  ]) {
    const results = await Promise.all(contenders.map((contender) => order(contender, { batch, runs: 1 })));
    results.forEach(({ embeddings }, k) => {
      const difference = Math.max(...embeddings.map((value, i) => Math.abs(value - results[0].embeddings[i])));
      if (!(difference < 1e-4)) throw new Error(`${names[k]}: an embedding is off by ${difference}`);
    });
    const turns = contenders.map((contender) => async () => (await order(contender, { batch, runs })).times);
    millisecondsOfFace.push((await medianTimes(turns)).map((milliseconds) => milliseconds / batch));
  }
  for (const contender of contenders) contender.kill();

  const baseline = names.indexOf(BASELINE);
  const table = new Table({
    head: ['', 'batch 1, ms a face', 'GFLOP/s', 'ratio', 'batch 16, ms a face', 'GFLOP/s', 'ratio', 'first one, ms'],
    style: { head: [], border: [] },
  });
  names.forEach((name, k) => {
    const columns = millisecondsOfFace.flatMap((times) => [
      times[k].toFixed(1),
      (FLOPS_OF_FACE / times[k] / 1e6).toFixed(1),
      baseline < 0 ? '' : (times[k] / times[baseline]).toFixed(2),
    ]);
    table.push([name, ...columns, firsts[k].toFixed(0)]);
  });
  console.log(`Node ${process.version}. Medians. Ratio: time by that of ${BASELINE}.`);
  console.log('First one: from the start of the process to its first embedding.');
  console.log(`${table}`);
}

const open = CONTENDERS.get(process.argv[2]);
await (open ? contend(await open()) : compare());
