/**
 * likeness, TensorFlow.js and ONNX Runtime on WebGPU in one process, on the same card: the face ResNet's embedding, and
 * a training step of MiniResNet (which ONNX Runtime does not do). Same weights, same input; outputs and losses must
 * agree; everybody uploads the input and reads the result; contenders take turns.
 *
 *   npm run bench -- gpu [--batch 1,32] [--train 32] [--preset tiny|default] [--seconds 10] [--json]
 */
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { type MeasureOptions, medianTimes } from '../src/bench/measure';
import { drawnBatch, recordedTraining, type TrainingBatch } from '../src/bench/training-step';
import { exportPretrained } from '../src/face/onnx';
import type { Backend } from '../src/kernels/backend';
import { openReference } from '../src/kernels/reference/backend';
import { openWebgpu } from '../src/kernels/webgpu/backend';
import { MINI_RESNET_PRESETS, MiniResNet } from '../src/nn/mini-resnet';
import { encodeOnnx } from '../src/nn/onnx/proto';
import { random } from '../src/tensor/random';
import { startOnSoftware } from './helpers/software-gpu';
import {
  drawnChips,
  type Embed,
  type FaceContender,
  FLOPS_OF_FACE,
  likenessEmbedder,
  onnxruntimeEmbedder,
  tensorflowEmbedder,
} from './peers/face-embedders';
import { miniResnetTraining } from './peers/mini-resnet';
import { isOnnxruntimeInstalled, openOnnxOnGpu } from './peers/onnxruntime';
import { isTensorFlowInstalled, loadGradients, openTensorFlow } from './peers/tensorflow';

type Preset = keyof typeof MINI_RESNET_PRESETS;
/** Makes one step and gives the loss before it. */
type Step = (batch: TrainingBatch) => Promise<number>;

interface Row {
  name: string;
  /** 'face ResNet', or the preset of a training step. */
  what: string;
  batch: number;
  milliseconds?: number;
  /** Its time by ours. */
  ratio?: number;
  /** The largest difference from ours, of an embedding's number or of a loss. */
  difference?: number;
  failure?: string;
}

const CLASSES = 100;
const TRAINING = { learningRate: 0.01, momentum: 0.9 };
const LARGEST_DIFFERENCE = 1e-4;
/** Before anything is timed everyone makes some steps, whose losses must agree. */
const CHECKED_PRESET = 'tiny';
const CHECK = { images: 4, steps: 4 };
const SOFTWARE_CHECK = { images: 2, steps: 2 };
const LARGEST_LOSS_DIFFERENCE = 2e-4;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0];
const say = (sentence: string) => console.error(`gpu: ${sentence}`);

/** Opens everybody; who cannot be opened is a row that says why. */
async function open<T>(
  contenders: readonly (readonly [name: string, open: () => Promise<T>])[],
  what: string,
  batch: number,
): Promise<{ ready: { name: string; contender: T }[]; failed: Row[] }> {
  const ready: { name: string; contender: T }[] = [];
  const failed: Row[] = [];
  for (const [name, opening] of contenders)
    try {
      const started = performance.now();
      ready.push({ name, contender: await opening() });
      say(`${name}: ready after ${((performance.now() - started) / 1000).toFixed(1)} s`);
    } catch (error) {
      failed.push({ name, what, batch, failure: messageOf(error) });
    }
  return { ready, failed };
}

/** Times whoever is ready; the first is ours. */
async function time(
  rows: readonly (Row & { turn: () => Promise<unknown> })[],
  options: MeasureOptions,
): Promise<Row[]> {
  const turns = rows.map(({ turn }) => async () => {
    const started = performance.now();
    await turn();
    return [performance.now() - started];
  });
  const times = await medianTimes(turns, options);
  return rows.map(({ turn: _, ...row }, k) => ({ ...row, milliseconds: times[k], ratio: times[k] / times[0] }));
}

async function compareFaces(backend: Backend, batches: readonly number[], options: MeasureOptions): Promise<Row[]> {
  const what = 'face ResNet';
  const tensorflow = (folded: boolean) => async () => tensorflowEmbedder(await openTensorFlow('webgpu'), folded);
  const model = encodeOnnx(await exportPretrained(openReference(), 'face-recognition'));
  const contenders: [string, () => Promise<FaceContender>][] = [['likeness webgpu', () => likenessEmbedder(backend)]];
  if (isTensorFlowInstalled())
    contenders.push(['TF.js webgpu', tensorflow(false)], ['TF.js webgpu, folded', tensorflow(true)]);
  if (isOnnxruntimeInstalled('onnxruntime-web'))
    contenders.push(['onnxruntime-web webgpu', async () => onnxruntimeEmbedder(await openOnnxOnGpu(model))]);
  const { ready, failed } = await open(contenders, what, batches[0]);
  const rows = failed;
  for (const batch of batches) {
    const chips = drawnChips(batch);
    const embedders: { name: string; embed: Embed; embeddings: Float32Array }[] = [];
    for (const { name, contender } of ready) {
      const started = performance.now();
      const embed = await contender(chips, batch);
      embedders.push({ name, embed, embeddings: await embed() });
      say(`${what}, batch ${batch}, ${name}: first after ${((performance.now() - started) / 1000).toFixed(1)} s`);
    }
    const [ours] = embedders;
    const compared = embedders.map(({ name, embed, embeddings }) => {
      const difference = embeddings.reduce((most, value, i) => Math.max(most, Math.abs(value - ours.embeddings[i])), 0);
      if (embeddings.length !== ours.embeddings.length || !(difference <= LARGEST_DIFFERENCE))
        throw new Error(`${name}: an embedding is off by ${difference}`);
      return { name, what, batch, difference, turn: embed };
    });
    rows.push(...(await time(compared, options)));
    say(`${what}, batch ${batch}: done`);
  }
  return rows;
}

const newNetwork = (backend: Backend, preset: Preset): MiniResNet =>
  new MiniResNet({ backend, random: random(1) }, { ...MINI_RESNET_PRESETS[preset], classes: CLASSES });

async function compareTraining(
  backend: Backend,
  preset: Preset,
  batch: number,
  check: { images: number; steps: number },
  options: MeasureOptions,
): Promise<Row[]> {
  const what = `training step, ${preset}`;
  const likeness = async (size: Preset): Promise<Step> => {
    const training = recordedTraining(newNetwork(backend, size), TRAINING);
    return async (data) => (await (await training.step(data)).data())[0];
  };
  const tensorflow = async (size: Preset): Promise<Step> => {
    const tf = await openTensorFlow('webgpu');
    loadGradients();
    const network = newNetwork(openReference(), size);
    return miniResnetTraining(tf, network.options, await network.state(), TRAINING);
  };
  const contenders: [string, () => Promise<(size: Preset) => Promise<Step>>][] = [
    ['likeness webgpu', async () => likeness],
  ];
  if (isTensorFlowInstalled()) contenders.push(['TF.js webgpu', async () => tensorflow]);
  const { ready, failed } = await open(contenders, what, batch);
  const losses: number[][] = [];
  for (const { name, contender } of ready) {
    const step = await contender(CHECKED_PRESET);
    const data = drawnBatch(MINI_RESNET_PRESETS[CHECKED_PRESET].input, CLASSES, check.images);
    const own: number[] = [];
    for (let k = 0; k < check.steps; k++) own.push(await step(data));
    losses.push(own);
    say(`${name}: losses ${own.map((loss) => loss.toFixed(5)).join(' ')}`);
  }
  const data = drawnBatch(MINI_RESNET_PRESETS[preset].input, CLASSES, batch);
  const compared: (Row & { turn: () => Promise<unknown> })[] = [];
  for (const [k, { name, contender }] of ready.entries()) {
    const difference = Math.max(...losses[k].map((loss, step) => Math.abs(loss - losses[0][step])));
    if (!(difference <= LARGEST_LOSS_DIFFERENCE)) {
      failed.push({ name, what, batch, failure: `a loss is off by ${difference}` });
      continue;
    }
    const step = await contender(preset);
    compared.push({ name, what, batch, difference, turn: () => step(data) });
  }
  return [...failed, ...(await time(compared, options))];
}

function print(rows: readonly Row[], device: string): void {
  const table = new Table({
    head: ['', '', 'batch', 'ms', 'ms an image', 'GFLOP/s', 'ratio', 'off by'],
    style: { head: [], border: [], compact: true },
  });
  for (const { name, what, batch, milliseconds, ratio = 0, difference = 0, failure } of rows)
    if (milliseconds === undefined) table.push([name, what, batch, { colSpan: 5, content: failure ?? '' }]);
    else
      table.push([
        ...[name, what, batch, milliseconds.toFixed(2), (milliseconds / batch).toFixed(3)],
        what === 'face ResNet' ? ((FLOPS_OF_FACE * batch) / milliseconds / 1e6).toFixed(1) : '',
        ...[ratio.toFixed(2), difference.toExponential(0)],
      ]);
  console.log(`Node ${process.version}, one process, ${device}. Medians; uploading and reading included.`);
  console.log("Ratio: time by that of likeness. Off by: from likeness, an embedding's number or a loss.");
  console.log(`${table}`);
}

const { values } = parseArgs({
  options: {
    batch: { type: 'string' },
    train: { type: 'string' },
    preset: { type: 'string' },
    seconds: { type: 'string', default: '10' },
    json: { type: 'boolean', default: false },
  },
});
const backend = await openWebgpu({ allowSoftware: true }).catch(startOnSoftware);
// A driver that computes on the CPU is given what it can do within minutes.
const { isSoftware } = backend;
const batches = (values.batch ?? (isSoftware ? '1' : '1,32')).split(',').map(Number);
const images = Number(values.train ?? (isSoftware ? 2 : 32));
const preset = values.preset ?? (isSoftware ? 'tiny' : 'default');
const seconds = Number(values.seconds);
if (![...batches, images].every((count) => Number.isInteger(count) && count > 0) || !(seconds > 0))
  throw new Error('--batch and --train take whole numbers above 0, --seconds a number');
if (preset !== 'tiny' && preset !== 'default') throw new Error('--preset is tiny or default');
if (images < 2) throw new Error('--train takes at least 2 images');
if (!isTensorFlowInstalled() || !isOnnxruntimeInstalled('onnxruntime-web'))
  say('not everyone is here: npm --prefix bench/peers ci --ignore-scripts installs the others');

const options: MeasureOptions = isSoftware
  ? { rounds: 3, warmUps: 1, seconds, minimum: 1 }
  : { rounds: 50, warmUps: 5, seconds, minimum: 5 };
const rows = [
  ...(await compareFaces(backend, batches, options)),
  ...(await compareTraining(backend, preset, images, isSoftware ? SOFTWARE_CHECK : CHECK, options)),
];
if (values.json) console.log(JSON.stringify({ node: process.version, device: backend.description, isSoftware, rows }));
else print(rows, backend.description);
process.exit(); // Dawn and the peers hold the process
