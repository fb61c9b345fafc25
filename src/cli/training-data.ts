import type { Focus } from '../face/align';
import { type Dataset, splitDataset, splitPeople, syntheticDataset } from '../face/dataset';
import { listAllPeople, loadFolder } from '../face/dataset-folder';
import { FacePipeline } from '../face/pipeline';
import type { PixelShape } from '../face/pixels';
import type { AlignedPreprocessing } from '../face/preprocessing';
import { taughtFaces } from '../face/taught-faces';
import type { Backend } from '../kernels/backend';
import { embedder } from './evaluate';
import { cacheFolder } from './files';
import type { CommonOptions } from './options';
import { type Progress, startProgress, tell, UserError } from './output';
import { cachedTiles } from './tiles';

/** What a training is started with and goes on with: it decides which images are trained on, and how they look. */
export interface DataChoices {
  seed: number;
  trainFirst?: number;
  aligned?: boolean;
  /** The network whose embeddings are learnt; there is one. */
  teacher?: 'face-resnet';
  focus: Focus;
  /** Where the network's file says how it wants its faces. */
  preprocessing?: AlignedPreprocessing;
  /** The share of training images in which the face wears a drawn mask. */
  masks: number;
}

type ReadOptions = DataChoices & Pick<CommonOptions, 'device' | 'threads'> & { progress: boolean };

/** Drawn images cost nothing: more of them, each seen less often, teach more in the same time. */
export const SYNTHETIC = { people: 40, imagesEach: 20, epochs: 30 };
/** Of each person's images, unless --train-first says how many. */
const TRAINING_SHARE = 0.8;
/** Of the people, where no names are learnt. */
const STRANGERS = 0.025;

/** @throws UserError in one sentence for choices that do not go together */
export function checkChoices(folders: readonly string[], { aligned, teacher, focus, masks, trainFirst }: DataChoices) {
  if (teacher && folders.length === 0)
    throw new UserError('a teacher looks at photos; name a folder of them, or leave --teacher out');
  if (teacher && aligned)
    throw new UserError('a teacher looks at whole photos, where it finds the faces itself; leave --aligned out');
  if (teacher && trainFirst)
    throw new UserError('with --teacher people are held back as a whole, not images of each; leave --train-first out');
  if (focus !== 'whole' && (aligned || folders.length === 0))
    throw new UserError(
      '--focus says how faces that are found in photos are cut; name a folder, and leave --aligned out',
    );
  if (masks > 0 && aligned)
    throw new UserError(
      'masks are drawn by landmarks, which aligned pictures do not have; leave --aligned or --masks out',
    );
}

/** The images of the folders, or drawn ones of none. */
export async function readData(
  backend: Backend,
  folders: readonly string[],
  shape: PixelShape,
  options: ReadOptions,
  signal: AbortSignal,
): Promise<Dataset> {
  if (folders.length === 0) return syntheticDataset({ ...SYNTHETIC, ...shape, seed: options.seed });
  return options.teacher
    ? readTaught(backend, folders, shape, options, signal)
    : readFolders(folders, shape, options, signal);
}

/** Those to train on and those to test on. @throws DatasetError when there are none of either */
export function splitData(data: Dataset, { seed, trainFirst, teacher }: DataChoices) {
  if (teacher) return splitPeople(data, { share: STRANGERS, seed });
  return splitDataset(data, trainFirst ? { first: trainFirst } : { share: TRAINING_SHARE, seed });
}

const templateName = ({ preprocessing, focus }: DataChoices) =>
  preprocessing?.template ?? (focus === 'upper' ? 'upper' : 'arcface');

async function readFolders(
  folders: readonly string[],
  shape: PixelShape,
  options: ReadOptions,
  signal: AbortSignal,
): Promise<Dataset> {
  const { device, threads, aligned = false, progress } = options;
  const bar = new LateBar(progress);
  const data = await loadFolder(folders, {
    ...shape,
    aligned,
    template: templateName(options),
    signal,
    cacheFolder: cacheFolder('faces'),
    pipeline: { device, ...(threads === undefined ? {} : { threads }) },
    onProgress: (_, total) => bar.advance(total),
  }).finally(() => bar.stop());
  for (const { error } of data.problems) tell(error);
  return data;
}

/** What the pretrained face ResNet makes of every photo is kept where `likeness evaluate` keeps it, and shared with it. */
async function readTaught(
  backend: Backend,
  folders: readonly string[],
  shape: PixelShape,
  options: ReadOptions,
  signal: AbortSignal,
): Promise<Dataset> {
  const { device, threads, progress } = options;
  const people = await listAllPeople(folders);
  const files = people.flatMap((person) => person.files);
  await using pipeline = await FacePipeline.open({
    device,
    tiles: cachedTiles,
    ...(threads === undefined ? {} : { threads }),
  });
  const looks = { detector: 'tiny', flip: true, smallFaces: false, cache: true } as const;
  const embed = await embedder(pipeline, files.length, { ...looks, progress }, signal);
  const known = await embed.files(files).finally(() => embed.stop());
  const bar = new LateBar(progress);
  const data = await taughtFaces(backend, people, known, {
    ...shape,
    template: templateName(options),
    signal,
    cacheFolder: cacheFolder('faces'),
    onProgress: (_, total) => bar.advance(total),
  }).finally(() => bar.stop());
  if (data.problems.length > 0)
    tell(`${data.problems.length} of ${files.length} photos are left out; the first: ${data.problems[0].error}`);
  return data;
}

/** A progress bar that begins when it is known how long it is. */
class LateBar {
  #bar: Promise<Progress> | undefined;
  readonly #isShown: boolean;

  constructor(isShown: boolean) {
    this.#isShown = isShown;
  }

  advance(total: number): void {
    this.#bar ??= startProgress(total, this.#isShown);
    this.#bar.then((bar) => bar.advance());
  }

  async stop(): Promise<void> {
    (await this.#bar)?.stop();
  }
}
