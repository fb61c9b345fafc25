import { access, constants } from 'node:fs/promises';
import { basename, dirname, join, parse } from 'node:path';
import type { AugmentOptions } from '../face/augment';
import type { Calibrations } from '../face/calibrate';
import { balanceOf, type Dataset, formatBalance, splitDataset, syntheticDataset } from '../face/dataset';
import { loadFolder } from '../face/dataset-folder';
import type { PointLoss } from '../face/landmark-training';
import { readModel } from '../face/model';
import { calibrateModel } from '../face/model-embedder';
import type { PixelShape } from '../face/pixels';
import { TrainingImages } from '../face/training-images';
import type { Calibration } from '../face/verify';
import type { Backend } from '../kernels/backend';
import { MeteredBackend } from '../kernels/metered';
import { decodeModel, encodeCheckpoint, encodeModel, type ModelFile, resume } from '../nn/checkpoint';
import { MINI_RESNET_PRESETS, MiniResNet, type MiniResNetOptions, miniResNetFrom } from '../nn/mini-resnet';
import type { BlockForm } from '../nn/residual-block';
import { Trainer } from '../nn/trainer';
import type { TrainingSettings } from '../nn/training-settings';
import { type OpenedDevice, openDevice } from '../tensor/device';
import { random } from '../tensor/random';
import { cacheFolder, isFolder, writeFileAtomically } from './files';
import { findMistakes, type Mistake } from './mistakes';
import type { CommonOptions } from './options';
import {
  EXIT,
  type Progress,
  printDevice,
  printJson,
  printLine,
  printTable,
  startProgress,
  tell,
  UserError,
} from './output';
import { printStepMemory, type StepMemory, stepMemory } from './step-memory';
import { cachedTiles } from './tiles';
import { startTrainingBar } from './training-bar';
import { typed } from './typed';
import { percent } from './verify';

export interface TrainOptions extends CommonOptions {
  out: string;
  preset: keyof typeof RECIPES;
  seed: number;
  epochs?: number;
  batch?: number;
  aligned?: boolean;
  trainFirst?: number;
  loss?: TrainingSettings['loss'];
  pointLoss?: PointLoss;
  margin?: number;
  triplet?: number;
  imagesEach?: number;
  optimizer?: TrainingSettings['optimizer'];
  learningRate?: number;
  average?: number;
  form?: BlockForm;
  plain?: boolean;
  profile?: boolean;
  resume?: boolean;
  saveEvery: number;
  progress: boolean;
}

interface Recipe {
  network: Omit<MiniResNetOptions, 'classes'>;
  settings: Partial<TrainingSettings>;
  augment: AugmentOptions;
}

/** What each preset is trained with. */
const RECIPES = {
  tiny: {
    network: MINI_RESNET_PRESETS.tiny,
    settings: { epochs: 60, batchSize: 20, learningRate: 0.05, loss: 'arcface', margin: 0.2 },
    augment: { erase: 0, lowResolution: 0 },
  },
  default: {
    network: MINI_RESNET_PRESETS.default,
    settings: { epochs: 60, batchSize: 32, learningRate: 0.05 },
    augment: {},
  },
} satisfies Record<string, Recipe>;

/** Drawn images cost nothing: more of them, each seen less often, teach more in the same time. */
const SYNTHETIC = { people: 40, imagesEach: 20, epochs: 30 };
/** Of each person's images, unless --train-first says how many. */
const TRAINING_SHARE = 0.8;

/** `likeness train`: a network that tells apart the people of a folder of folders, or synthetic people. */
export async function train(folder: string | undefined, options: TrainOptions, signal: AbortSignal): Promise<void> {
  const { out } = options;
  const files = filesOf(out);
  await expectWritable(files);
  const saved = options.resume ? decodeModel((await readModel(out)).bytes, out) : undefined;
  const choices = saved ? choicesOf(saved, out) : options;
  const { seed, trainFirst, preset } = choices;
  if (saved && !saved.training) throw new UserError(`${out} is trained to its end; there is nothing to go on with`);
  const opened = await openDevice(options.device, { ...options, tiles: cachedTiles });
  const meter = options.profile ? new MeteredBackend(opened.backend) : undefined;
  const device = { ...opened, backend: meter ?? opened.backend };
  try {
    const recipe: Recipe = RECIPES[preset];
    const network = saved ? miniResNetFrom(device.backend, saved.model, out) : undefined;
    const shape = shapeOf(network?.options.input ?? recipe.network.input);
    const data = folder
      ? await readFolder(folder, shape, { ...options, ...choices }, signal)
      : syntheticDataset({ ...SYNTHETIC, ...shape, seed });
    if (network && saved && saved.model.metadata.names !== JSON.stringify(data.names))
      throw new UserError(`${out} was trained on other people than those of ${folder ?? 'the synthetic ones'}`);
    const { train, test } = splitDataset(data, trainFirst ? { first: trainFirst } : { share: TRAINING_SHARE, seed });

    const born =
      network ??
      newNetwork(device.backend, { ...recipe.network, ...givenNetwork(options, recipe) }, data.names.length, seed);
    const settings = saved?.training?.settings ?? {
      ...recipe.settings,
      ...(!folder && { epochs: SYNTHETIC.epochs }),
      ...given(options),
      seed,
    };
    using images = new TrainingImages(train.examples, test.examples, { shape, augment: recipe.augment, seed });
    const trainer = new Trainer(born, images, settings);
    if (saved) resume(trainer, saved, out);
    if (!options.json)
      printLine(
        `${formatBalance(balanceOf(data))}; ${train.examples.length} to train on, ${test.examples.length} to test.`,
      );
    const run = { data, train, test, device, meter, options, files, choices };
    const model = await runTraining(trainer, run, signal);
    await tellTraining(trainer, run, model);
    trainer.dispose();
    born.dispose();
  } finally {
    await device.backend.close();
  }
}

/** What a training is started with and goes on with: it decides which images are trained on, and how they look. */
type Choices = Pick<TrainOptions, 'seed' | 'trainFirst' | 'preset' | 'aligned'>;

interface Run {
  data: Dataset;
  train: Dataset;
  test: Dataset;
  device: OpenedDevice;
  meter: MeteredBackend | undefined;
  options: TrainOptions;
  files: Files;
  choices: Choices;
}

/** Trains to the end or to the signal, and saves now and then. */
async function runTraining(trainer: Trainer, run: Run, signal: AbortSignal): Promise<FinishedTraining> {
  const { options, files, meter, test } = run;
  const started = performance.now();
  let memory: StepMemory | undefined;
  const kept = meter?.liveBytes ?? 0;
  meter?.takePeak();
  const bar = await startTrainingBar(trainer.history, options);
  trainer.onPrepare = bar.prepare;
  try {
    for await (const progress of trainer.run(signal)) {
      const peak = meter?.takePeak();
      if (meter && peak && !progress.finished) memory ??= stepMemory(trainer, kept, peak);
      bar.show(progress);
      if (progress.step % options.saveEvery === 0 && progress.step < progress.steps)
        await writeFileAtomically(files.model, await encodeCheckpoint(trainer, metadataOf(trainer, run)));
    }
  } finally {
    bar.stop();
  }
  const isFinished = trainer.step === trainer.steps;
  const encoded = await (isFinished ? encodeModel : encodeCheckpoint)(trainer, metadataOf(trainer, run));
  const { bytes: model, calibrations } = isFinished
    ? await calibrateModel(run.device.backend, encoded, test.examples)
    : { bytes: encoded, calibrations: {} };
  await writeFileAtomically(files.model, model);
  return { model, calibrations, memory, seconds: (performance.now() - started) / 1000 };
}

interface FinishedTraining {
  /** The bytes of its file. */
  model: Uint8Array;
  /** For comparing two faces with it; none before the training is finished. */
  calibrations: Calibrations;
  memory: StepMemory | undefined;
  seconds: number;
}

function metadataOf(trainer: Trainer, { data, choices }: Run): Record<string, string> {
  const { seed, trainFirst, preset, aligned } = choices;
  const [last] = trainer.history.slice(-1);
  return {
    names: JSON.stringify(data.names),
    seed: String(seed),
    preset,
    ...(trainFirst && { trainFirst: String(trainFirst) }),
    ...(aligned && { aligned: 'yes' }),
    date: new Date().toISOString(),
    data: formatBalance(balanceOf(data)),
    ...(last && { metrics: JSON.stringify(last) }),
  };
}

/** On stdout what came of it; beside the model a page and a picture of how it went. */
async function tellTraining(trainer: Trainer, run: Run, finished: FinishedTraining): Promise<void> {
  const { model, calibrations, memory, seconds } = finished;
  const { options, data, train, test, device, files, choices } = run;
  const { step, steps, history } = trainer;
  const isFinished = step === steps;
  const [last] = history.slice(-1);
  const mistakes = last ? await findMistakes(device.backend, model, test) : [];
  if (last) await writeReportFiles(trainer, run, mistakes, seconds);
  const report = {
    model: files.model,
    finished: isFinished,
    step,
    steps,
    people: data.names.length,
    images: { train: train.examples.length, test: test.examples.length },
    parameters: trainer.network.parameterCount,
    seed: choices.seed,
    device: device.backend.name,
    seconds,
    ...(calibrations.flip && { calibration: calibrations.flip }),
    ...(memory && { memory }),
    ...(last && {
      report: files.page,
      chart: files.chart,
      accuracy: last.testAccuracy,
      loss: last.testLoss,
      history,
      mistakes,
    }),
  };
  if (options.json) printJson(report);
  else if (last) {
    printTable(
      ['', 'Loss', 'Accuracy'],
      [
        ['Training, augmented', last.loss.toFixed(3), percent(last.accuracy)],
        ['Test', last.testLoss.toFixed(3), percent(last.testAccuracy)],
      ],
    );
    if (calibrations.flip) printLine(calibrationLine(calibrations.flip));
    if (memory) printStepMemory(memory);
    printLine(`Written: ${files.model}, ${files.page}, ${files.chart}; ${seconds.toFixed(1)} s`);
    const { backend, reason } = device;
    printDevice({ name: backend.name, description: backend.description, reason });
  }
  if (isFinished) return;
  const again = [...typed().filter((word) => word !== '--resume'), '--resume'];
  tell(`stopped after step ${step} of ${steps}, saved to ${files.model}; go on with: ${again.join(' ')}`);
  process.exitCode = EXIT.interrupted;
}

async function writeReportFiles(trainer: Trainer, run: Run, mistakes: readonly Mistake[], seconds: number) {
  const { train, test, device, files, choices } = run;
  const { step, steps, history, learningRates, network, settings } = trainer;
  const last = history[history.length - 1];
  const { height, width, channels } = network.options.input;
  const { writeReport } = await import('./report');
  const { html, svg } = writeReport({
    title: `Training of ${basename(files.model)}`,
    result:
      `${percent(last.testAccuracy)} of ${test.examples.length} test images were given the right name, ` +
      `of ${test.names.length} people, after epoch ${last.epoch} of ${settings.epochs}.` +
      `${step === steps ? '' : ` The training was stopped after step ${step} of ${steps}.`}`,
    command: typed().join(' '),
    history,
    learningRates,
    mistakes,
    facts: {
      people: train.names.length,
      'images trained on': train.examples.length,
      'images tested on': test.examples.length,
      input: `${width} x ${height} pixels, ${channels === 1 ? 'grey' : 'in colour'}`,
      parameters: network.parameterCount.toLocaleString('en'),
      'loss, training': last.loss.toFixed(3),
      'loss, test': last.testLoss.toFixed(3),
      'accuracy, training': percent(last.accuracy),
      'accuracy, test': percent(last.testAccuracy),
      'computed on': `${device.backend.name} (${device.backend.description})`,
      'seconds of this run': seconds.toFixed(1),
      date: new Date().toISOString(),
    },
    settings: { preset: choices.preset, ...settings, augmentation: JSON.stringify(RECIPES[choices.preset].augment) },
  });
  const encoder = new TextEncoder();
  await writeFileAtomically(files.page, encoder.encode(html));
  await writeFileAtomically(files.chart, encoder.encode(svg));
}

const calibrationLine = ({ threshold, falseMatchRate }: Calibration): string =>
  `likeness verify --model takes two faces for one person up to the distance ${threshold.toFixed(3)}` +
  `${falseMatchRate === undefined ? '.' : `, at which ${percent(falseMatchRate)} of the test images' pairs of two people match falsely.`}`;

/** What the words of the command change of the preset's settings. */
const given = (options: TrainOptions): Partial<TrainingSettings> =>
  defined({
    epochs: options.epochs,
    batchSize: options.batch,
    loss: options.loss,
    margin: options.margin,
    tripletWeight: options.triplet,
    imagesEach: options.imagesEach ?? (options.triplet ? 2 : undefined),
    optimizer: options.optimizer,
    learningRate: options.learningRate,
    averageDecay: options.average,
  });

/** Margins need a classifier of angles. */
const givenNetwork = ({ loss, form, plain }: TrainOptions, { settings }: Recipe): Partial<MiniResNetOptions> =>
  defined({ form, plain, classifier: (loss ?? settings.loss ?? 'softmax') === 'softmax' ? undefined : 'cosine' });

/** Without what is undefined. */
const defined = <T extends object>(values: { [K in keyof T]: T[K] | undefined }): Partial<T> => {
  const result: Partial<T> = {};
  for (const key in values) if (values[key] !== undefined) result[key] = values[key];
  return result;
};

function newNetwork(backend: Backend, preset: Recipe['network'], classes: number, seed: number): MiniResNet {
  // A stream of its own: the trainer's begins with the seed.
  return new MiniResNet({ backend, random: random(seed).fork() }, { ...preset, classes });
}

function shapeOf({ height, width, channels }: MiniResNetOptions['input']): PixelShape {
  if (channels !== 1 && channels !== 3) throw new UserError(`images have 1 or 3 channels, the model takes ${channels}`);
  return { height, width, channels };
}

function choicesOf({ model }: ModelFile, source: string): Choices {
  const { seed, trainFirst, preset, aligned } = model.metadata;
  if (seed === undefined || (preset !== 'tiny' && preset !== 'default'))
    throw new UserError(`${source} was not written by likeness train; it cannot be gone on with`);
  return {
    seed: Number(seed),
    preset,
    aligned: aligned === 'yes',
    ...(trainFirst && { trainFirst: Number(trainFirst) }),
  };
}

async function readFolder(
  folder: string,
  shape: PixelShape,
  options: TrainOptions,
  signal: AbortSignal,
): Promise<Dataset> {
  const { device, threads, aligned = false, progress } = options;
  let bar: Promise<Progress> | undefined;
  const advance = async (total: number) => {
    bar ??= startProgress(total, progress);
    (await bar).advance();
  };
  const data = await loadFolder(folder, {
    ...shape,
    aligned,
    signal,
    cacheFolder: cacheFolder('faces'),
    pipeline: { device, ...(threads === undefined ? {} : { threads }) },
    onProgress: (_, total) => void advance(total),
  }).finally(async () => (await bar)?.stop());
  for (const { error } of data.problems) tell(error);
  return data;
}

interface Files {
  model: string;
  page: string;
  chart: string;
}

/** What a training writes: the model, and how it went, as a page and as a picture. */
export function filesOf(out: string): Files {
  if (out.trim() === '') throw new UserError('--out is empty; name the file of the model');
  const { dir, name, ext } = parse(out);
  if (['.svg', '.html'].includes(ext.toLowerCase()))
    throw new UserError(`${out} names a picture or a page; name the file of the model, such as ${name}.safetensors`);
  return { model: out, page: join(dir, `${name}.html`), chart: join(dir, `${name}.svg`) };
}

/** Before a training, and not at its end. */
export async function expectWritable({ model, page, chart }: Files): Promise<void> {
  const folder = dirname(model);
  try {
    await access(folder, constants.W_OK);
  } catch (error) {
    throw new UserError(`the model cannot be written to ${folder}: there is no such folder, or it is protected`, {
      cause: error,
    });
  }
  for (const path of [model, page, chart])
    if (await isFolder(path)) throw new UserError(`${path} cannot be written: there is a folder of that name`);
}
