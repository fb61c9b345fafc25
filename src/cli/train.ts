import { access, constants } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, parse } from 'node:path';
import { type AugmentOptions, augment } from '../face/augment';
import { balanceOf, type Dataset, formatBalance, splitDataset, syntheticDataset } from '../face/dataset';
import { loadFolder } from '../face/dataset-folder';
import type { PixelShape } from '../face/pixels';
import type { Backend } from '../kernels/backend';
import { decodeModel, encodeCheckpoint, encodeModel, type ModelFile, resume } from '../nn/checkpoint';
import { MINI_RESNET_PRESETS, MiniResNet, type MiniResNetOptions, miniResNetFrom } from '../nn/mini-resnet';
import { Trainer, type TrainingSettings } from '../nn/trainer';
import { type OpenedDevice, openDevice } from '../tensor/device';
import { random } from '../tensor/random';
import { trainingChart } from './chart';
import { writeFileAtomically } from './files';
import { readModelFile } from './identify';
import type { CommonOptions } from './options';
import { EXIT, printDevice, printJson, printLine, printTable, tell, UserError } from './output';
import { startTrainingBar } from './training-bar';
import { percent } from './verify';

export interface TrainOptions extends CommonOptions {
  out: string;
  preset: keyof typeof RECIPES;
  seed: number;
  epochs?: number;
  batch?: number;
  aligned?: boolean;
  trainFirst?: number;
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
    settings: { epochs: 60, batchSize: 20, learningRate: 0.05 },
    augment: { erase: 0, lowResolution: 0 },
  },
  default: {
    network: MINI_RESNET_PRESETS.default,
    settings: { epochs: 60, batchSize: 32, learningRate: 0.05 },
    augment: {},
  },
} satisfies Record<string, Recipe>;

const SYNTHETIC = { people: 40, imagesEach: 10 };
/** Of each person's images, unless --train-first says how many. */
const TRAINING_SHARE = 0.8;

/** `likeness train`: a network that tells apart the people of a folder of folders, or synthetic people. */
export async function train(folder: string | undefined, options: TrainOptions, signal: AbortSignal): Promise<void> {
  const { out } = options;
  const saved = options.resume ? decodeModel(await readModelFile(out), out) : undefined;
  const { seed, trainFirst, preset } = saved ? choicesOf(saved, out) : options;
  if (saved && !saved.training) throw new UserError(`${out} is trained to its end; there is nothing to go on with`);
  await expectWritable(dirname(out));
  const device = await openDevice(options.device, options.threads === undefined ? {} : { threads: options.threads });
  try {
    const recipe: Recipe = RECIPES[preset];
    const network = saved ? miniResNetFrom(device.backend, saved.model, out) : undefined;
    const shape = shapeOf(network?.options.input ?? recipe.network.input);
    const data = folder
      ? await readFolder(folder, shape, options, signal)
      : syntheticDataset({ ...SYNTHETIC, ...shape, seed });
    if (network && saved && saved.model.metadata.names !== JSON.stringify(data.names))
      throw new UserError(`${out} was trained on other people than those of ${folder ?? 'the synthetic ones'}`);
    const { train, test } = splitDataset(data, trainFirst ? { first: trainFirst } : { share: TRAINING_SHARE, seed });

    const born = network ?? newNetwork(device.backend, recipe.network, data.names.length, seed);
    const settings = saved?.training?.settings ?? { ...recipe.settings, ...given(options), seed };
    const trainer = new Trainer(
      born,
      {
        train: train.examples,
        test: test.examples,
        augment: (pixels, generator) => augment(pixels, shape, generator, recipe.augment),
      },
      settings,
    );
    if (saved) resume(trainer, saved, out);
    if (!options.json)
      printLine(
        `${formatBalance(balanceOf(data))}; ${train.examples.length} to train on, ${test.examples.length} to test.`,
      );
    await runTraining(trainer, { data, train, test, device, options, seed, trainFirst, preset }, signal);
    trainer.dispose();
    born.dispose();
  } finally {
    await device.backend.close();
  }
}

interface Run {
  data: Dataset;
  train: Dataset;
  test: Dataset;
  device: OpenedDevice;
  options: TrainOptions;
  seed: number;
  trainFirst?: number | undefined;
  preset: keyof typeof RECIPES;
}

async function runTraining(trainer: Trainer, run: Run, signal: AbortSignal): Promise<void> {
  const { options, data, train, test, device, seed, trainFirst, preset } = run;
  const { out } = options;
  const started = performance.now();
  const metadata = () => {
    const [last] = trainer.history.slice(-1);
    return {
      names: JSON.stringify(data.names),
      seed: String(seed),
      ...(trainFirst && { trainFirst: String(trainFirst) }),
      preset,
      date: new Date().toISOString(),
      data: formatBalance(balanceOf(data)),
      ...(last && { metrics: JSON.stringify(last) }),
    };
  };
  const save = async () => writeFileAtomically(out, await encodeCheckpoint(trainer, metadata()));

  const bar = await startTrainingBar(trainer.steps, trainer.step, options);
  try {
    for await (const progress of trainer.run(signal)) {
      bar.show(progress);
      if (progress.step % options.saveEvery === 0 && progress.step < progress.steps) await save();
    }
  } finally {
    bar.stop();
  }
  const seconds = (performance.now() - started) / 1000;
  const isFinished = trainer.step === trainer.steps;
  if (isFinished) await writeFileAtomically(out, await encodeModel(trainer, metadata()));
  else await save();

  const chart = join(dirname(out), `${parse(out).name}.svg`);
  if (trainer.history.length > 0)
    await writeFileAtomically(chart, new TextEncoder().encode(trainingChart(trainer.history)));
  const [last] = trainer.history.slice(-1);
  const report = {
    model: out,
    finished: isFinished,
    step: trainer.step,
    steps: trainer.steps,
    people: data.names.length,
    images: { train: train.examples.length, test: test.examples.length },
    parameters: trainer.network.parameterCount,
    seed,
    device: device.backend.name,
    seconds,
    ...(last && { chart, accuracy: last.testAccuracy, loss: last.testLoss, history: trainer.history }),
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
    printLine(`Written: ${out}, ${chart}; ${seconds.toFixed(1)} s`);
    const { backend, reason } = device;
    printDevice({ name: backend.name, description: backend.description, reason });
  }
  if (isFinished) return;
  const words = process.argv.slice(2).filter((word) => word !== '--resume');
  const again = ['likeness', ...words, '--resume'].map(quoted).join(' ');
  tell(`stopped after step ${trainer.step} of ${trainer.steps}, saved to ${out}; go on with: ${again}`);
  process.exitCode = EXIT.interrupted;
}

/** As a shell reads it. */
const quoted = (word: string) => (/^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

const given = ({ epochs, batch }: TrainOptions): Partial<TrainingSettings> => ({
  ...(epochs !== undefined && { epochs }),
  ...(batch !== undefined && { batchSize: batch }),
});

function newNetwork(backend: Backend, preset: Recipe['network'], classes: number, seed: number): MiniResNet {
  // A stream of its own: the trainer's begins with the seed.
  return new MiniResNet({ backend, random: random(seed).fork() }, { ...preset, classes });
}

function shapeOf({ height, width, channels }: MiniResNetOptions['input']): PixelShape {
  if (channels !== 1 && channels !== 3) throw new UserError(`images have 1 or 3 channels, the model takes ${channels}`);
  return { height, width, channels };
}

/** What the training that is gone on with was started with: it decides which images are trained on. */
function choicesOf({ model }: ModelFile, source: string): Pick<TrainOptions, 'seed' | 'trainFirst' | 'preset'> {
  const { seed, trainFirst, preset } = model.metadata;
  if (seed === undefined || (preset !== 'tiny' && preset !== 'default'))
    throw new UserError(`${source} was not written by likeness train; it cannot be gone on with`);
  return { seed: Number(seed), preset, ...(trainFirst && { trainFirst: Number(trainFirst) }) };
}

async function readFolder(
  folder: string,
  shape: PixelShape,
  options: TrainOptions,
  signal: AbortSignal,
): Promise<Dataset> {
  const { device, threads, aligned = false } = options;
  const data = await loadFolder(folder, {
    ...shape,
    aligned,
    signal,
    cacheFolder: join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'likeness', 'faces'),
    pipeline: { device, ...(threads === undefined ? {} : { threads }) },
  });
  for (const { error } of data.problems) tell(error);
  return data;
}

async function expectWritable(folder: string): Promise<void> {
  try {
    await access(folder, constants.W_OK);
  } catch (error) {
    throw new UserError(`the model cannot be written to ${folder}: there is no such folder, or it is protected`, {
      cause: error,
    });
  }
}
