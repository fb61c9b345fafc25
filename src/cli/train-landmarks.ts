import { openDetector } from '../face/detect';
import { readLabelledFaces } from '../face/landmark-data';
import type { LabelledFace } from '../face/landmark-samples';
import { type LandmarkEpoch, type LandmarkSettings, LandmarkTrainer } from '../face/landmark-training';
import { LandmarkFinder } from '../face/landmarks';
import { openDevice } from '../tensor/device';
import { cacheFolder, writeFileAtomically } from './files';
import { EXIT, type Progress, printDevice, printJson, printLine, startProgress, tell, UserError } from './output';
import { expectWritable, filesOf, type TrainOptions } from './train';

/** Of so many faces one is not trained on, and tells how it goes. */
const HELD_OUT = 12;

/**
 * `likeness train --task landmarks`: a network that finds five points of a face, from a folder of labelled faces. It is
 * saved after every epoch.
 */
export async function trainLandmarks(
  folders: readonly string[],
  options: TrainOptions,
  signal: AbortSignal,
): Promise<void> {
  const [folder] = folders;
  if (folders.length !== 1)
    throw new UserError('landmarks are learnt from a folder with images/ and points.csv; name one');
  if (options.teacher || options.focus !== 'whole')
    throw new UserError('--teacher and --focus are for --task people; landmarks are learnt from labels alone');
  if (options.half) throw new UserError('--half is for --task people; landmarks are learnt in full precision');
  if (options.resume) throw new UserError('a training of landmarks cannot be resumed yet; it takes minutes');
  const { model } = filesOf(options.out);
  await expectWritable(filesOf(options.out));
  const { backend, reason } = await openDevice(options.device, options);
  const started = performance.now();
  let trainer: LandmarkTrainer | undefined;
  try {
    const { faces, leftOut } = await readFaces(folder, backend, options, signal);
    const training = faces.filter((_, index) => index % HELD_OUT !== 0);
    const validation = faces.filter((_, index) => index % HELD_OUT === 0);
    if (training.length < 2) throw new UserError(`${folder} has ${faces.length} faces to learn from, too few`);
    const seconds = () => (performance.now() - started) / 1000;
    const data = `${training.length} faces to train on, ${validation.length} to validate; ${leftOut} left out`;
    if (!options.json) printLine(`${data}.`);

    trainer = new LandmarkTrainer(backend, training, validation, given(options));
    const history: LandmarkEpoch[] = [];
    const { settings } = trainer;
    for await (const epoch of trainer.run(signal)) {
      history.push(epoch);
      if (options.progress && !options.json) tellEpoch(epoch, settings, seconds());
      const metadata = { data, settings: JSON.stringify(settings), metrics: JSON.stringify(epoch) };
      await writeFileAtomically(model, await trainer.encode({ ...metadata, date: new Date().toISOString() }));
    }
    const isFinished = history.length === settings.epochs;
    const { parameterCount } = trainer.network;
    const document = { model, finished: isFinished, parameters: parameterCount, settings, data, history };
    if (options.json) printJson({ ...document, device: backend.name, seconds: seconds() });
    else if (history.length > 0) {
      printLine(`Written: ${model}; ${parameterCount} weights, ${seconds().toFixed(1)} s`);
      printDevice({ name: backend.name, description: backend.description, reason });
    }
    if (isFinished) return;
    tell(`stopped after epoch ${history.length} of ${settings.epochs}`);
    process.exitCode = EXIT.interrupted;
  } finally {
    trainer?.dispose();
    await backend.close();
  }
}

async function readFaces(
  folder: string,
  backend: Parameters<typeof openDetector>[0],
  options: TrainOptions,
  signal: AbortSignal,
): Promise<{ faces: LabelledFace[]; leftOut: number }> {
  const detector = await openDetector(backend, 'tiny');
  const outlines = options.masks > 0 ? await LandmarkFinder.open(backend, 'full') : undefined;
  let bar: Promise<Progress> | undefined;
  const onProgress = (total: number) => {
    bar ??= startProgress(total, options.progress);
    bar.then((shown) => shown.advance());
  };
  try {
    const cache = { cacheFolder: cacheFolder('boxes'), signal, onProgress };
    return await readLabelledFaces(detector, folder, { ...cache, ...(outlines && { outlines }) });
  } finally {
    (await bar)?.stop();
    await detector.dispose();
    await outlines?.dispose();
  }
}

function tellEpoch({ epoch, error, validationError }: LandmarkEpoch, { epochs }: LandmarkSettings, seconds: number) {
  process.stderr.write(
    `epoch ${epoch} of ${epochs}: error ${error.toFixed(4)}, validation ${validationError.toFixed(4)}, ${seconds.toFixed(0)} s\n`,
  );
}

const given = ({
  seed,
  masks,
  epochs,
  batch,
  learningRate,
  average,
  pointLoss,
}: TrainOptions): Partial<LandmarkSettings> => ({
  seed,
  masks,
  ...(pointLoss && { loss: pointLoss }),
  ...(epochs !== undefined && { epochs }),
  ...(batch !== undefined && { batchSize: batch }),
  ...(learningRate !== undefined && { learningRate }),
  ...(average !== undefined && { averageDecay: average }),
});
