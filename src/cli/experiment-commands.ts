import { type Command, Option } from 'commander';
import { commonOptions, number } from './options';
import type { PresetName } from './training-recipe';

export interface MaskExperimentOptions {
  json: boolean;
  debug: boolean;
  device: 'auto' | 'webgpu' | 'wasm' | 'reference';
  threads?: number;
  lfw: string;
  work: string;
  out: string;
  seeds: number;
  epochs: number;
  preset: PresetName;
  size?: number;
  start?: string;
  share: number;
  progress: boolean;
}

const EXAMPLES = `
Examples:
  likeness experiment masks celeba cfp --lfw lfw --out masks.md
  likeness experiment masks celeba cfp --lfw lfw --epochs 10 --seeds 5 --out masks.md
  likeness experiment masks celeba cfp --lfw lfw --start student.safetensors --epochs 3 --out masks.md

Each network is trained by likeness train, whose models stay in --work: what is trained is not trained again, and after
Ctrl-C or a crash the same command goes on. Beside masks.md comes its chart, masks.svg.`;

/** `likeness experiment`, with a command for each question. */
export function addExperimentCommands(program: Command, signal: AbortSignal): void {
  const experiment = program.command('experiment').description('answer a question by training and comparing networks');
  const masks = experiment
    .command('masks <folder...>')
    .description('what helps against masks: masks in training, looking at the upper half of faces, or both?')
    .addHelpText('after', EXAMPLES);
  for (const option of [
    ...commonOptions(),
    new Option(
      '--lfw <folder>',
      'Labeled Faces in the Wild, whose View 1 the networks are judged by',
    ).makeOptionMandatory(),
    new Option('--out <file.md>', 'where to write what came out').makeOptionMandatory(),
    new Option('--work <folder>', 'where the networks are kept').default('experiment-masks'),
    new Option('--seeds <count>', 'how many networks of each kind').argParser(number(1, 100, true)).default(3),
    new Option('--epochs <count>', 'how many times each sees every photo').argParser(number(1, 1000, true)).default(8),
    new Option('--preset <name>', 'what is trained: see likeness train')
      .choices(['tiny', 'small', 'default'])
      .default('small'),
    new Option('--size <pixels>', 'the side of the square that the networks see').argParser(number(16, 512, true)),
    new Option('--start <model>', 'begin all of them with the weights of a model'),
    new Option('--share <share>', 'of training faces that get a mask, where masks are drawn')
      .argParser(number(0, 1))
      .default(0.5),
    new Option('--no-progress', 'no progress bar'),
  ])
    masks.addOption(option);
  masks.action(async (folders: string[], options: MaskExperimentOptions) => {
    await (await import('./experiment-masks')).experimentMasks(folders, options, signal);
  });
}
