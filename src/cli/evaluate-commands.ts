import { type Command, InvalidArgumentError, Option } from 'commander';
import { CONDITIONS } from '../face/conditions';
import type { LandmarkName } from '../face/landmarks';
import type { MaskedPhotos } from './evaluate-masks';
import {
  type EmbedOptions,
  embedderOptions,
  modelOption,
  noFlipOption,
  number,
  photoOptions,
  thresholdOption,
} from './options';

/** What every evaluation is given. */
export interface EvaluateOptions extends EmbedOptions {
  aligned?: boolean;
  limit?: number;
  seed: number;
  cache: boolean;
  masks?: MaskedPhotos;
}

export interface PairOptions extends EvaluateOptions {
  conditions?: string[];
  labels?: string;
  report?: string;
  threshold?: number;
  ownThreshold?: boolean;
  view?: 1 | 2;
  calibrate?: boolean;
  root?: string;
}

export interface IdentifyFolderOptions extends EvaluateOptions {
  enrolled: number;
}

const EXAMPLES = `
Examples:
  likeness evaluate lfw ../lfw                            View 2: images/, pairs.txt
  likeness evaluate lfw ../lfw --report lfw.html --conditions blur,darkness
  likeness evaluate lfw ../lfw --masks both               again with one photo of each pair masked, and with both
  likeness evaluate lfw ../lfw --view 1 --calibrate --model model.safetensors
  likeness evaluate lfw ../lfw --view 1 --calibrate --embedder model.onnx --template mobilefacenet
  likeness evaluate cfp ../cfp --json
  likeness evaluate pairs mine.csv --own-threshold        path1,path2,same
  likeness evaluate identify people --model model.safetensors
  likeness evaluate detect ../wider --detector ssd
  likeness evaluate detect ../wider --detector scrfd.onnx
  likeness evaluate detect ../wider --detector haar --cascade haarcascade_frontalface_alt2.xml
  likeness evaluate landmarks ../points5/test             five points by our own network; --landmarks full: of the 68
  likeness evaluate landmarks ../points5/test --masked    the same with a drawn mask on every face

A photo without a face counts as an error. Embeddings are kept in the cache folder, by the content of each photo and all
that they depend on: a second run is quick, and one that was stopped by Ctrl-C goes on where it was.`;

function conditionNames(text: string): string[] {
  const names = text === 'all' ? Object.keys(CONDITIONS) : text.split(',').map((name) => name.trim());
  for (const name of names)
    if (!(name in CONDITIONS))
      throw new InvalidArgumentError(`${name} is none of all, ${Object.keys(CONDITIONS).join(', ')}.`);
  return names;
}

const evaluateOptions = () => [
  ...photoOptions(),
  new Option('--limit <count>', 'only so many photos, evenly spread').argParser(number(1, 10_000_000, true)),
];

const embeddingOptions = () => [
  ...evaluateOptions(),
  noFlipOption(),
  modelOption(),
  ...embedderOptions(),
  new Option('--aligned', 'the pictures are faces already, cut out as the network takes them, and are not searched'),
  new Option('--seed <number>', 'of what chance decides').argParser(number(0, 2 ** 32 - 1, true)).default(1),
  new Option('--no-cache', 'neither read nor keep embeddings'),
  new Option(
    '--masks <photos>',
    'again with drawn masks: on the photos that are looked up, or on the known ones as well',
  )
    .choices(['probe', 'both'])
    .conflicts('aligned'),
];

const pairOptions = () => [
  ...embeddingOptions(),
  new Option(
    '--conditions <names>',
    `of the second photo of each pair: all, or some of ${Object.keys(CONDITIONS).join(', ')}`,
  )
    .argParser(conditionNames)
    .conflicts('aligned'),
  new Option('--labels <file>', 'figures for each group: lines "file,label" or "person,label"'),
  new Option('--report <path>', 'write a page with the curves and the worst mistakes'),
  new Option('--own-threshold', "decide by the model's own threshold, not by the other folds' best").conflicts(
    'threshold',
  ),
  thresholdOption(),
];

/** `likeness evaluate` with a command for each protocol. */
export function addEvaluateCommands(program: Command, signal: AbortSignal): void {
  const evaluate = program
    .command('evaluate')
    .description('measure how often detection, landmarks and recognition are right')
    .addHelpText('after', EXAMPLES);
  const add = (usage: string, description: string, options: Option[]): Command => {
    const added = evaluate.command(usage).description(description);
    for (const option of options) added.addOption(option);
    return added;
  };

  add('lfw <folder>', 'Labeled Faces in the Wild: accuracy by ten folds (View 2), or what to choose by (View 1)', [
    ...pairOptions(),
    new Option('--view <number>', '2 is for figures, 1 for choosing').choices(['1', '2']).default('2'),
    new Option(
      '--calibrate',
      'take the threshold and the probability from View 1, and write them into --model, or beside --embedder',
    ),
  ]).action(async (folder: string, options: Omit<PairOptions, 'view'> & { view: '1' | '2' }) => {
    const view = options.view === '1' ? 1 : 2;
    await (await import('./evaluate')).evaluateLfw(folder, { ...options, view }, signal);
  });

  add('cfp <folder>', 'Celebrities in Frontal-Profile: frontal with frontal, and with profile', pairOptions()).action(
    async (folder: string, options: PairOptions) => {
      await (await import('./evaluate')).evaluateCfp(folder, options, signal);
    },
  );

  add('pairs <file>', 'a list: "name n1 n2" and "name1 n1 name2 n2", or "path1,path2,same"', [
    ...pairOptions(),
    new Option('--root <folder>', 'what the list is relative to').default(undefined, 'where it lies'),
  ]).action(async (file: string, options: PairOptions) => {
    await (await import('./evaluate')).evaluateList(file, options, signal);
  });

  add('identify <folder>', 'a folder of photos for each person: who is it, and is it anybody?', [
    ...embeddingOptions(),
    new Option('--enrolled <count>', 'photos of each person that are known, the first ones')
      .argParser(number(1, 10_000, true))
      .default(1),
  ]).action(async (folder: string, options: IdentifyFolderOptions) => {
    await (await import('./evaluate-people')).evaluatePeople(folder, options, signal);
  });

  add('detect <folder>', 'average precision of the detector: images/, boxes.csv', evaluateOptions()).action(
    async (folder: string, options: EvaluateOptions) => {
      await (await import('./evaluate-photos')).evaluateDetection(folder, options, signal);
    },
  );

  add('landmarks <folder>', 'errors of the landmarks: images/, points.csv', [
    ...evaluateOptions(),
    new Option('--landmarks <name>', 'five: our own network; full, tiny: five of the 68 landmarks')
      .choices(['five', 'full', 'tiny'])
      .default('five'),
    new Option('--masked', 'with a drawn mask on every face, over nose and mouth'),
  ]).action(async (folder: string, options: EvaluateOptions & { landmarks: LandmarkName; masked?: true }) => {
    await (await import('./evaluate-photos')).evaluatePoints(folder, options, signal);
  });
}
