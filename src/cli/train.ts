import { access, constants } from 'node:fs/promises';
import { basename, dirname, join, parse } from 'node:path';
import type { Focus } from '../face/align';
import type { Calibrations } from '../face/calibrate';
import { balanceOf, type Dataset, formatBalance } from '../face/dataset';
import { PRETRAINED } from '../face/embed';
import type { PointLoss } from '../face/landmark-training';
import { readModel } from '../face/model';
import { calibrateModel } from '../face/model-embedder';
import { expectAligned, parsePreprocessing } from '../face/preprocessing';
import { TrainingImages } from '../face/training-images';
import type { Calibration } from '../face/verify';
import { MeteredBackend } from '../kernels/metered';
import { decodeModel, encodeCheckpoint, encodeModel, type ModelFile, resume } from '../nn/checkpoint';
import type { BlockForm } from '../nn/residual-block';
import { Trainer } from '../nn/trainer';
import type { TrainingSettings } from '../nn/training-settings';
import { type OpenedDevice, openDevice } from '../tensor/device';
import { isFolder, writeFileAtomically } from './files';
import { findMistakes, type Mistake } from './mistakes';
import type { CommonOptions, EmbedderOptions } from './options';
import { EXIT, printDevice, printJson, printLine, printTable, tell, UserError } from './output';
import { printStepMemory, type StepMemory, stepMemory } from './step-memory';
import { cachedTiles } from './tiles';
import { startTrainingBar } from './training-bar';
import { checkChoices, readData, SYNTHETIC, splitData } from './training-data';
import { firstNetwork, savedNetwork } from './training-network';
import { type Choices, given, isPreset, type PresetName, recipeOf } from './training-recipe';
import { typed } from './typed';
import { percent } from './verify';

export interface TrainOptions extends CommonOptions, Omit<EmbedderOptions, 'embedder'> {
  out: string;
  preset: PresetName;
  seed: number;
  epochs?: number;
  batch?: number;
  aligned?: boolean;
  trainFirst?: number;
  teacher?: 'face-resnet';
  teacherWeight?: number;
  relationWeight?: number;
  identityWeight?: number;
  focus: Focus;
  masks: number;
  /** Of the input, in pixels. */
  size?: number;
  /** A model whose weights it begins with. */
  start?: string;
  /** An ONNX file whose network it trains on. */
  from?: string;
  loss?: TrainingSettings['loss'];
  pointLoss?: PointLoss;
  margin?: number;
  triplet?: number;
  imagesEach?: number;
  optimizer?: TrainingSettings['optimizer'];
  learningRate?: number;
  average?: number;
  half?: boolean;
  form?: BlockForm;
  plain?: boolean;
  profile?: boolean;
  resume?: boolean;
  saveEvery: number;
  progress: boolean;
}

/** `likeness train`: a network that tells apart the people of a folder of folders, or synthetic people. */
export async function train(folders: readonly string[], options: TrainOptions, signal: AbortSignal): Promise<void> {
  const { out } = options;
  const files = filesOf(out);
  await expectWritable(files);
  const bytes = options.resume ? (await readModel(out)).bytes : undefined;
  const saved = bytes && decodeModel(bytes, out);
  const asked = saved ? choicesOf(saved, out) : options;
  const { seed, masks } = asked;
  checkChoices(folders, asked);
  if (saved && !saved.training) throw new UserError(`${out} is trained to its end; there is nothing to go on with`);
  const precision = saved?.training?.settings.precision ?? (options.half ? 'half' : 'full');
  const opened = await openDevice(options.device, { ...options, precision, tiles: cachedTiles });
  const meter = options.profile ? new MeteredBackend(opened.backend) : undefined;
  const device = { ...opened, backend: meter ?? opened.backend };
  try {
    const recipe = recipeOf(asked);
    const settings = saved?.training?.settings ?? {
      ...recipe.settings,
      ...(folders.length === 0 && { epochs: SYNTHETIC.epochs }),
      ...given(options),
      seed,
    };
    const first = bytes
      ? savedNetwork(device.backend, bytes, out)
      : await firstNetwork(device.backend, options, recipe);
    const { shape, preprocessing } = first;
    const choices: Choices = { ...asked, ...(preprocessing && { preprocessing }) };
    const data = await readData(device.backend, folders, shape, { ...options, ...choices }, signal);
    const names = settings.identityWeight === 0 ? [] : data.names;
    if (saved && !isSameData(saved.model.metadata, names, data))
      throw new UserError(
        `${out} was trained on other people than those of ${folders.join(', ') || 'the synthetic ones'}`,
      );
    const { train, test } = splitData(data, choices);
    const network = await first.open(names.length, train.examples);
    const variation = { shape, augment: recipe.augment, seed, masks, preparation: network.preparation };
    using images = new TrainingImages(train.examples, test.examples, variation);
    const trainer = new Trainer(network, images, settings);
    if (saved) resume(trainer, saved, out);
    if (!options.json)
      printLine(
        `${formatBalance(balanceOf(data))}; ${train.examples.length} to train on, ${test.examples.length} to test.`,
      );
    const run = { data, names, train, test, device, meter, options, files, choices };
    const model = await runTraining(trainer, run, signal);
    await tellTraining(trainer, run, model);
    trainer.dispose();
    network.dispose();
  } finally {
    await device.backend.close();
  }
}

interface Run {
  data: Dataset;
  /** Whom the network learns to name. */
  names: readonly string[];
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

function metadataOf(trainer: Trainer, { data, names, choices }: Run): Record<string, string> {
  const { seed, trainFirst, preset, aligned, teacher, focus, masks, from, preprocessing } = choices;
  const [last] = trainer.history.slice(-1);
  return {
    names: JSON.stringify(names),
    seed: String(seed),
    preset,
    ...(trainFirst && { trainFirst: String(trainFirst) }),
    ...(aligned && { aligned: 'yes' }),
    ...(teacher && { teacher: PRETRAINED.name }),
    ...(focus !== 'whole' && { focus }),
    ...(masks > 0 && { masks: String(masks) }),
    ...(from !== undefined && { from: basename(from) }),
    ...(preprocessing && { template: preprocessing.template, preprocessing: JSON.stringify(preprocessing) }),
    date: new Date().toISOString(),
    data: formatBalance(balanceOf(data)),
    ...(last && { metrics: JSON.stringify(last) }),
  };
}

/** On stdout what came of it; beside the model a page and a picture of how it went. */
async function tellTraining(trainer: Trainer, run: Run, finished: FinishedTraining): Promise<void> {
  const { model, calibrations, memory, seconds } = finished;
  const { options, data, names, train, test, device, files, choices } = run;
  const { step, steps, history } = trainer;
  const isFinished = step === steps;
  const [last] = history.slice(-1);
  const mistakes = last && names.length > 0 ? await findMistakes(device.backend, model, test) : undefined;
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
      ['', 'Loss', names.length > 0 ? 'Accuracy' : 'Nearest to its own'],
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

async function writeReportFiles(trainer: Trainer, run: Run, mistakes: readonly Mistake[] | undefined, seconds: number) {
  const { names, train, test, device, files, choices } = run;
  const { step, steps, history, learningRates, network, settings } = trainer;
  const last = history[history.length - 1];
  const { height, width, channels } = network.options.input;
  const { writeReport } = await import('./report');
  const { html, svg } = writeReport({
    title: `Training of ${basename(files.model)}`,
    result:
      (names.length > 0
        ? `${percent(last.testAccuracy)} of ${test.examples.length} test images were given the right name, of ${test.names.length} people,`
        : `The cosine to what the teacher says of ${test.examples.length} test images was ${(1 - last.testLoss).toFixed(3)} on average,`) +
      ` after epoch ${last.epoch} of ${settings.epochs}.` +
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
    settings: {
      ...(choices.from === undefined ? { preset: choices.preset } : { from: basename(choices.from) }),
      ...settings,
      masks: choices.masks,
      focus: choices.focus,
      augmentation: JSON.stringify(recipeOf(choices).augment),
    },
  });
  const encoder = new TextEncoder();
  await writeFileAtomically(files.page, encoder.encode(html));
  await writeFileAtomically(files.chart, encoder.encode(svg));
}

const calibrationLine = ({ threshold, falseMatchRate }: Calibration): string =>
  `likeness verify --model takes two faces for one person up to the distance ${threshold.toFixed(3)}` +
  `${falseMatchRate === undefined ? '.' : `, at which ${percent(falseMatchRate)} of the test images' pairs of two people match falsely.`}`;

/** The names that it learns, or of a network that learns none, how many images there are of how many people. */
const isSameData = (metadata: Record<string, string>, names: readonly string[], data: Dataset): boolean =>
  metadata.names === JSON.stringify(names) && (names.length > 0 || metadata.data === formatBalance(balanceOf(data)));

function choicesOf({ model }: ModelFile, source: string): Choices {
  const { seed, trainFirst, preset, aligned, teacher, focus, masks, from, preprocessing } = model.metadata;
  if (seed === undefined || preset === undefined || !isPreset(preset))
    throw new UserError(`${source} was not written by likeness train; it cannot be gone on with`);
  return {
    seed: Number(seed),
    preset,
    aligned: aligned === 'yes',
    ...(teacher !== undefined && { teacher: 'face-resnet' }),
    focus: focus === 'upper' ? 'upper' : 'whole',
    masks: Number(masks ?? 0),
    ...(trainFirst && { trainFirst: Number(trainFirst) }),
    ...(from !== undefined && { from }),
    ...(preprocessing !== undefined && {
      preprocessing: expectAligned(parsePreprocessing(preprocessing, source), source),
    }),
  };
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
