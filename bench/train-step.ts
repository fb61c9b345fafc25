/**
 * One training step of MiniResNet (forward, softmax cross entropy, backward, SGD with momentum), on likeness and on
 * TensorFlow.js: the same network, initial weights and images. Each contender is a process of its own, and they take
 * turns. Processor time is that of all threads; it hardly depends on what else the machine does.
 *
 *   npm run bench -- train-step [--preset tiny|default] [--batch 32] [--steps 5] [--json]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { softwareGpuEnvironment } from '../scripts/software-gpu.mjs';
import { median, medianTimes } from '../src/bench/measure';
import {
  drawnBatch,
  eagerTraining,
  type StepParts as Parts,
  recordedTraining,
  type TrainingBatch,
} from '../src/bench/training-step';
import type { Backend } from '../src/kernels/backend';
import { openWasm } from '../src/kernels/wasm/backend';
import { openWebgpu } from '../src/kernels/webgpu/backend';
import { MINI_RESNET_PRESETS, MiniResNet } from '../src/nn/mini-resnet';
import { random } from '../src/tensor/random';
import { addFilterGradient, miniResnetTraining } from './peers/mini-resnet';
import { isTensorFlowInstalled, loadGradients, openTensorFlow } from './peers/tensorflow';

type Preset = keyof typeof MINI_RESNET_PRESETS;
/** Makes one step and gives the loss before it. */
type Step = (batch: TrainingBatch) => Promise<number>;
/** Makes one step and times its parts. */
type TimedStep = (batch: TrainingBatch) => Promise<Parts>;

interface Contender {
  device: string;
  /** A driver that computes on the CPU. */
  isSoftware?: boolean;
  train(preset: Preset): Promise<Step>;
  /** The same training again, step by step, where its parts can be told apart: it is not what is compared. */
  timeParts?(preset: Preset): TimedStep;
}

const CLASSES = 100;
const TRAINING = { learningRate: 0.01, momentum: 0.9 };
/** Everyone makes these steps before anything is timed: the losses must be the same. */
const CHECK: Order = { preset: 'tiny', batch: 4, steps: 4 };
const LARGEST_DIFFERENCE = 2e-4;
/** What a driver that computes on the CPU is given. */
const SOFTWARE = { preset: 'tiny', batch: 8 } as const;

const newNetwork = (backend: Backend, preset: Preset): MiniResNet =>
  new MiniResNet({ backend, random: random(1) }, { ...MINI_RESNET_PRESETS[preset], classes: CLASSES });

async function likeness(backend: Backend, isSoftware = false): Promise<Contender> {
  const train = async (preset: Preset): Promise<Step> => {
    const training = recordedTraining(newNetwork(backend, preset), TRAINING);
    return async (batch) => {
      const loss = await training.step(batch);
      return (await loss.data())[0];
    };
  };
  const timeParts = (preset: Preset): TimedStep => {
    const step = eagerTraining(newNetwork(backend, preset), TRAINING);
    return async (batch) => (await step(batch)).parts;
  };
  const device = `${backend.name}, ${backend.description}`;
  // On WebGPU they would be the times of asking, not of computing.
  return { device, isSoftware, train, ...(!backend.isAsynchronous && { timeParts }) };
}

async function likenessWebgpu(): Promise<Contender> {
  const backend = await openWebgpu({ allowSoftware: true });
  return likeness(backend, backend.isSoftware);
}

async function tensorflow(backend: 'cpu' | 'wasm' | 'webgpu', addsFilterGradient = false): Promise<Contender> {
  const tf = await openTensorFlow(backend);
  loadGradients();
  if (addsFilterGradient) addFilterGradient(tf);
  const train = async (preset: Preset): Promise<Step> => {
    const network = newNetwork(await openWasm({ threads: 1 }), preset);
    const step = miniResnetTraining(tf, network.options, await network.state(), TRAINING);
    return step;
  };
  return { device: backend, train };
}

const OURS: [string, () => Promise<Contender>][] = [
  ['likeness wasm, 1 thread', async () => likeness(await openWasm({ threads: 1 }))],
  ['likeness wasm, 2 threads', async () => likeness(await openWasm({ threads: 2 }))],
  ['likeness webgpu', likenessWebgpu],
];
const THEIRS: [string, () => Promise<Contender>][] = [
  ['TF.js cpu', () => tensorflow('cpu')],
  ['TF.js wasm', () => tensorflow('wasm')],
  // What someone could do who has to train with it:
  ['TF.js wasm, filter gradient added', () => tensorflow('wasm', true)],
  ['TF.js webgpu', () => tensorflow('webgpu')],
];
/** They get few images and make few steps, or it would take all day: TF.js cpu needs more than a minute an image. */
const SLOW = new Map([
  ['TF.js cpu', { batch: 2, steps: 1 }],
  ['TF.js wasm, filter gradient added', { batch: 8, steps: 3 }],
]);
const CONTENDERS = new Map([...OURS, ...(isTensorFlowInstalled() ? THEIRS : [])]);

interface Order {
  preset: Preset;
  batch: number;
  steps: number;
}

interface StepResult {
  loss: number;
  milliseconds: number;
  processorMilliseconds: number;
  parts?: Parts;
}

interface Answer {
  results: StepResult[];
  /** Why there are no more. */
  failure?: string;
}

interface Introduction {
  device: string;
  isSoftware: boolean;
  failure?: string;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0];

/** In the process of a contender: who it is, then what it is told to do. The same order again goes on training. */
async function contend(open: () => Promise<Contender>): Promise<void> {
  const tell = (message: Introduction | Answer) => process.send?.(message);
  process.on('disconnect', () => process.exit());
  const contender = await open().catch(messageOf);
  if (typeof contender === 'string') {
    tell({ device: '', isSoftware: false, failure: contender });
    return;
  }
  const trainings = new Map<string, { step: Step; timeParts?: TimedStep | undefined; data: TrainingBatch }>();
  process.on('message', async ({ preset, batch, steps }: Order) => {
    const results: StepResult[] = [];
    try {
      const key = `${preset} ${batch} ${steps}`;
      const training = trainings.get(key) ?? {
        step: await contender.train(preset),
        timeParts: contender.timeParts?.(preset),
        data: drawnBatch(MINI_RESNET_PRESETS[preset].input, CLASSES, batch),
      };
      trainings.set(key, training);
      for (let step = 0; step < steps; step++) {
        const started = performance.now();
        const processor = process.cpuUsage();
        const loss = await training.step(training.data);
        const { user, system } = process.cpuUsage(processor);
        const milliseconds = performance.now() - started;
        const parts = await training.timeParts?.(training.data);
        results.push({ loss, milliseconds, processorMilliseconds: (user + system) / 1000, ...(parts && { parts }) });
      }
      tell({ results });
    } catch (error) {
      tell({ results, failure: messageOf(error) });
    }
  });
  tell({ device: contender.device, isSoftware: contender.isSoftware ?? false });
}

/** What the table says of a contender. */
interface Row {
  name: string;
  device: string;
  preset: Preset;
  batch: number;
  steps: number;
  /** Before the first step and after one, two and three, of the check. */
  losses: number[];
  milliseconds?: number;
  /** Of all threads, for an image. */
  processorMilliseconds?: number;
  imagesPerSecond?: number;
  parts?: Parts;
  failure?: string;
}

interface Running extends Row {
  isSoftware: boolean;
  process: ChildProcess;
}

async function order({ process: child, name }: Running, what: Order): Promise<Answer> {
  child.send(what);
  const [answer]: Answer[] = await once(child, 'message');
  if (!answer) throw new Error(`${name} does not answer`);
  return answer;
}

async function start(name: string, plan: { preset: Preset; batch: number }): Promise<Running> {
  const env = name.endsWith('webgpu') ? { ...process.env, ...(await softwareGpuEnvironment()) } : process.env;
  const child = fork(process.argv[1], [name], { env });
  child.once('exit', (code) => {
    if (code === 0 || code === null) return;
    console.error(`${name} ended with code ${code}`);
    process.exit(1);
  });
  const [{ device, isSoftware, failure }]: Introduction[] = await once(child, 'message');
  const row = { name, device, isSoftware, ...plan, steps: 0, losses: [], process: child };
  return failure === undefined ? row : { ...row, failure };
}

function compareLosses(name: string, theirs: readonly StepResult[], ours: readonly StepResult[]): void {
  const difference = Math.max(...theirs.map(({ loss }, step) => Math.abs(loss - ours[step].loss)));
  if (!(difference <= LARGEST_DIFFERENCE)) throw new Error(`${name}: a loss is off by ${difference}`);
}

/** Marks whoever fails; the first contender's losses are the measure. */
async function check(rows: readonly Running[]): Promise<void> {
  let ours: StepResult[] = [];
  for (const row of rows) {
    const { results, failure } = await order(row, CHECK);
    row.losses = results.map(({ loss }) => loss);
    if (row === rows[0]) ours = results;
    if (failure === undefined) compareLosses(row.name, results, ours);
    else row.failure = failure;
  }
}

async function time(rows: readonly Running[], steps: number): Promise<void> {
  const made = rows.map((): StepResult[] => []);
  const turns = rows.map((row, k) => async () => {
    const { results } = await order(row, { ...row, steps: 1 });
    made[k].push(...results);
    return results.map(({ milliseconds }) => milliseconds);
  });
  const warmUps = 2;
  const times = await medianTimes(turns, { rounds: steps, warmUps, seconds: 60 });
  for (const [k, row] of rows.entries()) summarize(row, made[k].slice(warmUps), times[k]);
}

function summarize(row: Row, results: readonly StepResult[], milliseconds: number): void {
  row.steps = results.length;
  row.milliseconds = milliseconds;
  row.processorMilliseconds = median(results.map((result) => result.processorMilliseconds)) / row.batch;
  row.imagesPerSecond = (1000 * row.batch) / milliseconds;
  const parts = results.flatMap((result) => (result.parts ? [result.parts] : []));
  const part = (k: number): number => median(parts.map((times) => times[k]));
  if (parts.length > 0) row.parts = [part(0), part(1), part(2)];
}

/**
 * The first of several steps warms up. Its loss is compared with ours; those after it only in the check, for in the
 * large network roundings grow: of 8 images the loss after a step is 1.72270 in float64, 1.72249 here, 1.72312 there.
 */
async function timeSlow(
  row: Running,
  ours: Running,
  { batch, steps }: { batch: number; steps: number },
): Promise<void> {
  row.batch = batch;
  const what: Order = { preset: row.preset, batch, steps };
  const their = (await order(row, what)).results;
  compareLosses(row.name, their.slice(0, 1), (await order(ours, { ...what, steps: 1 })).results);
  const counted = their.slice(steps > 1 ? 1 : 0);
  summarize(row, counted, median(counted.map(({ milliseconds }) => milliseconds)));
}

async function compare(plan: { preset: Preset; batch: number }, steps: number): Promise<Row[]> {
  const rows: Running[] = [];
  for (const name of CONTENDERS.keys()) rows.push(await start(name, plan));
  const working = () => rows.filter(({ failure }) => failure === undefined);
  // TensorFlow.js does not say what it runs on: the same as we.
  if (rows.some(({ isSoftware }) => isSoftware))
    for (const row of rows) if (row.name.endsWith('webgpu')) Object.assign(row, SOFTWARE);
  await check(working());
  for (const isGpu of [false, true])
    await time(
      working().filter(({ name }) => !SLOW.has(name) && name.endsWith('webgpu') === isGpu),
      steps,
    );
  for (const row of working()) {
    const slow = SLOW.get(row.name);
    if (slow) await timeSlow(row, rows[0], slow);
  }
  for (const row of rows) row.process.kill();
  return rows.map(({ process: _, isSoftware: __, ...row }) => row);
}

function print(rows: readonly Row[]): void {
  const losses = `loss before and after 1 and 3 steps of ${CHECK.preset}, ${CHECK.batch} images`;
  const table = new Table({
    head: [
      ...[
        '',
        'network',
        'images',
        'steps',
        'ms a step',
        'made eagerly: forward + backward + optimiser',
        'images/s',
        'ratio',
      ],
      ...['processor ms an image', 'ratio', losses],
    ],
    style: { head: [], border: [], compact: true },
    colWidths: [null, null, null, null, null, 18, null, null, 15, null, 29],
    wordWrap: true,
  });
  const digits = (value = 0): string => String(Number(value.toPrecision(3)));
  const ratio = (one = 0, other = 0): string => (one > 0 && other > 0 ? digits(one / other) : '');
  for (const row of rows) {
    const { milliseconds, imagesPerSecond, processorMilliseconds } = row;
    if (row.failure !== undefined || milliseconds === undefined) {
      table.push([row.name, { colSpan: 10, content: row.failure ?? '' }]);
      continue;
    }
    const peer = rows.find(({ name }) => name === (row.name.endsWith('webgpu') ? 'TF.js webgpu' : 'TF.js cpu'));
    table.push([
      ...[row.name, row.preset, row.batch, row.steps, milliseconds.toFixed(0)],
      row.parts?.map((part) => part.toFixed(0)).join(' + ') ?? '',
      digits(imagesPerSecond),
      ratio(imagesPerSecond, peer?.imagesPerSecond),
      digits(processorMilliseconds),
      ratio(peer?.processorMilliseconds, processorMilliseconds),
      [0, 1, 3].map((step) => row.losses[step]?.toFixed(5)).join(' '),
    ]);
  }
  console.log(`Node ${process.version}. ${deviceOf(rows)}`);
  console.log('Medians. Ratio: to TF.js cpu, of webgpu to TF.js webgpu; above 1 is faster. Processor: all threads.');
  console.log('TF.js cpu and TF.js wasm are timed with fewer images and steps, as listed: they would take minutes.');
  console.log(`${table}`);
}

const deviceOf = (rows: readonly Row[]): string => rows.find(({ name }) => name === 'likeness webgpu')?.device ?? '';

const open = CONTENDERS.get(process.argv[2]);
if (open) await contend(open);
else {
  const { values } = parseArgs({
    options: {
      preset: { type: 'string', default: 'default' },
      batch: { type: 'string', default: '32' },
      steps: { type: 'string', default: '5' },
      json: { type: 'boolean', default: false },
    },
  });
  const { preset, json } = values;
  const [batch, steps] = [values.batch, values.steps].map(Number);
  if ((preset !== 'tiny' && preset !== 'default') || !(batch >= 2) || !(steps >= 1))
    throw new Error('usage: npm run bench -- train-step [--preset tiny|default] [--batch 32] [--steps 5] [--json]');
  if (!isTensorFlowInstalled())
    console.error('Without TensorFlow.js: npm --prefix bench/peers ci --ignore-scripts installs it.');
  const rows = await compare({ preset, batch }, steps);
  if (json) console.log(JSON.stringify({ node: process.version, check: CHECK, rows }, null, 2));
  else print(rows);
}
