#!/usr/bin/env node
import { createRequire } from 'node:module';
import { Command, CommanderError, Option } from 'commander';
import { PRESET_NAMES } from '../face/preprocessing';
import type { AlignOptions } from './align';
import type { BenchOptions } from './bench';
import { addEvaluateCommands } from './evaluate-commands';
import { addExperimentCommands } from './experiment-commands';
import type { ExportOptions } from './export';
import { addGalleryCommands, IDENTIFY_EXAMPLES } from './gallery-commands';
import { galleryOption, falseMatchRateOption as galleryRateOption } from './gallery-options';
import type { IdentifyOptions } from './identify';
import type { MaskOptions } from './mask';
import { addModelCommands } from './model-commands';
import {
  BENCH_EXAMPLES,
  benchOptions,
  type CommonOptions,
  commonOptions,
  type EmbedOptions,
  EXPORT_EXAMPLES,
  embedderOptions,
  exportOptions,
  falseMatchRateOption,
  halfOption,
  livenessOptions,
  MASK_EXAMPLES,
  maskOptions,
  modelOption,
  noFlipOption,
  number,
  outOption,
  type PhotoOptions,
  photoOptions,
  TRAINING_EXAMPLES,
  thresholdOption,
  trainingOptions,
} from './options';
import { EXIT, printJson, tell, tellError, UserError } from './output';
import { addStudyCommands } from './study-commands';
import type { TrainOptions } from './train';
import type { VerifyOptions } from './verify';

const EXAMPLES = `
Examples:
  likeness verify passport.jpg selfie.jpg        do the two show one person?
  likeness detect party.jpg --out party.png      mark every face
  likeness align *.jpg --out chips               cut out the faces, upright, 150 x 150 pixels
  likeness embed *.jpg --json > faces.json       128 numbers for each face
  likeness mask crowd.jpg --out masked.png       draw a mask on every face
  likeness train people --out model.safetensors  learn to tell the people of a folder of folders apart
  likeness enroll people                         a gallery of known people: people/Ada/1.jpg and so on
  likeness identify *.jpg                        who of the gallery is it, or nobody?
  likeness identify *.jpg --model model.safetensors
  likeness index ~/Pictures && likeness find ada.jpg
  likeness verify a.jpg b.jpg --model model.safetensors
  likeness detect party.jpg --detector scrfd.onnx
  likeness verify a.jpg b.jpg --embedder w600k_mbf.onnx --template arcface --threshold 1.2
  likeness verify a.jpg b.jpg --liveness 2.7_80x80_MiniFASNetV2.onnx
  likeness evaluate lfw ../lfw                   how often is it right?
  likeness study gradients --out gradients.svg   why networks have skips, measured
  likeness export model.safetensors --onnx model.onnx
  likeness info arcface.onnx                     what a network of other people computes
  likeness bench                                 how fast it all is here
  likeness devices                               what there is to compute on

Exit codes: 0 fine, or the same person; 1 verify: not the same person, or not alive; 2 an error; 130 stopped by Ctrl-C. A photo
without a face is an error for verify, and an answer for the others. Of many photos, those that fail are
told one by one and the others are still done. Transparent pixels are laid on white, EXIF orientation is applied.`;

const { version }: { version: string } = createRequire(import.meta.url)('likeness/package.json');
const stop = new AbortController();
const { signal } = stop;

const program = new Command('likeness')
  .description('Finds the faces in photos, aligns, embeds and compares them.')
  .version(version)
  .exitOverride()
  // Errors are told below, in the same way for whoever finds them.
  .configureOutput({ outputError: () => undefined })
  .addHelpText('after', EXAMPLES);

function command(usage: string, description: string, options: Option[]): Command {
  const added = program.command(usage).description(description);
  for (const option of options) added.addOption(option);
  return added;
}

command('detect <photo...>', 'find the faces in photos, their 68 landmarks, and five points by our own network', [
  ...photoOptions(),
  ...livenessOptions(),
  outOption('write the photos with their faces marked: a folder, or a .png file for one photo'),
]).action(async (files: string[], options: PhotoOptions) => {
  await (await import('./detect')).detect(files, options, signal);
});

command('align <photo...>', 'cut out the faces, upright and at one size', [
  ...photoOptions(),
  outOption('the folder to write the faces to').makeOptionMandatory(),
  new Option(
    '--template <name>',
    'dlib: 150 x 150 pixels; arcface, sface, mobilefacenet: 112 x 112; facenet: the box, 160 x 160',
  )
    .choices(['dlib', ...PRESET_NAMES])
    .default(undefined, "dlib, or --embedder's"),
  new Option('--embedder <file>', 'cut faces as this network of an ONNX file takes them'),
]).action(async (files: string[], options: AlignOptions) => {
  await (await import('./align')).align(files, options, signal);
});

command('embed <photo...>', 'turn each face into numbers: 128, or as many as --model or --embedder says', [
  ...photoOptions(),
  outOption('write the photos with their faces marked: a folder, or a .png file for one photo'),
  noFlipOption(),
  halfOption(),
  modelOption(),
  ...embedderOptions(),
  ...livenessOptions(),
  new Option(
    '--aligned',
    'the pictures are faces cut out by align, 150 x 150 pixels; with --model or --embedder, as those that it takes',
  ).conflicts('out'),
  new Option('--minimum-quality <number>', 'leave out faces of less quality: size, sharpness, pose and light')
    .argParser(number(0, 1))
    .default(0),
]).action(async (files: string[], options: EmbedOptions & { aligned?: boolean; minimumQuality: number }) => {
  const { embed, embedAligned } = await import('./embed');
  await (options.aligned ? embedAligned : embed)(files, options, signal);
});

command('verify <photo> <other-photo>', 'tell whether two photos show one person', [
  ...photoOptions(),
  outOption('write the photos with the compared faces marked: a folder'),
  noFlipOption(),
  halfOption(),
  modelOption(),
  ...embedderOptions(),
  ...livenessOptions(),
  thresholdOption(),
  falseMatchRateOption(),
]).action(async (a: string, b: string, options: VerifyOptions) => {
  await (await import('./verify')).verify([a, b], options, signal);
});

command('mask <photo...>', 'draw a mask on every face of photos', maskOptions())
  .addHelpText('after', MASK_EXAMPLES)
  .action(async (files: string[], options: MaskOptions) => {
    await (await import('./mask')).mask(files, options, signal);
  });

command('train [folder...]', 'train a network from nothing to tell people apart: a folder of photos for each person', [
  ...trainingOptions(),
])
  .addHelpText('after', TRAINING_EXAMPLES)
  .action(async (folders: string[], options: TrainOptions & { task: 'people' | 'landmarks' }) => {
    if (options.task === 'landmarks')
      await (await import('./train-landmarks')).trainLandmarks(folders, options, signal);
    else await (await import('./train')).train(folders, options, signal);
  });

command('identify <photo...>', 'name the people on photos: those of a gallery, or those a model was trained on', [
  galleryOption(),
  ...photoOptions(),
  noFlipOption(),
  modelOption('of likeness train: without --gallery its own people are named; with it, it embeds as for the gallery'),
  new Option('--aligned', 'the pictures are faces already, as those that the model was trained on'),
  galleryRateOption(),
  thresholdOption(),
  new Option('--by <what>', "compare with the best of each person's faces, or with their mean")
    .choices(['best', 'mean'])
    .default('best'),
  new Option('--exact', 'compare with all, also where there is an index'),
])
  .addHelpText('after', IDENTIFY_EXAMPLES)
  .action(async (files: string[], options: IdentifyOptions, command: Command) => {
    const isGalleryNamed = command.getOptionValueSource('gallery') !== 'default';
    await (await import('./identify')).identify(files, options, isGalleryNamed, signal);
  });

command('export [model]', 'write a model that likeness train made, or a pretrained network, as ONNX', exportOptions())
  .addHelpText('after', EXPORT_EXAMPLES)
  .action(async (model: string | undefined, options: ExportOptions) => {
    await (await import('./export')).exportFile(model, options);
  });

addModelCommands(program);

command('bench', 'measure how fast networks, training, products and single layers are here', benchOptions())
  .addHelpText('after', BENCH_EXAMPLES)
  .action(async (options: BenchOptions) => {
    if (options.out !== undefined && !options.compare) throw new UserError('--out goes with --compare');
    if (options.compare) await (await import('./bench-compare')).benchCompare(options, signal);
    else if (options.profile) await (await import('./bench-profile')).benchProfile(options, signal);
    else if (options.tune) await (await import('./bench-tune')).benchTune(options, signal);
    else await (await import('./bench')).bench(options, signal);
  });

command('devices', 'list what there is to compute on', commonOptions()).action(async (options: CommonOptions) => {
  await (await import('./devices')).devices(options);
});

addGalleryCommands(program, signal);
addStudyCommands(program, signal);
addEvaluateCommands(program, signal);
addExperimentCommands(program, signal);

function tellFailure(error: unknown) {
  if (signal.aborted) {
    tell('stopped');
    process.exitCode = EXIT.interrupted;
    return;
  }
  if (error instanceof CommanderError) {
    // Help and the version come this way too, as errors with the exit code 0.
    if (error.exitCode === 0) return;
    error.message = error.message.replace(/^error: /, '');
    // Bare `likeness` has printed its help, which says more than a sentence.
    if (error.code === 'commander.help') {
      process.exitCode = EXIT.error;
      return;
    }
  }
  const sentence = tellError(error, process.argv.includes('--debug'));
  if (process.argv.includes('--json')) printJson({ error: sentence });
}

process.once('SIGINT', () => {
  stop.abort();
  // A second one does not wait for what is in work.
  process.once('SIGINT', () => process.exit(EXIT.interrupted));
});
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Whoever reads has seen enough: `likeness ... | head`.
  if (error.code === 'EPIPE') process.exit();
  tell(`the results cannot be written: ${error.message}`);
  process.exit(EXIT.error);
});

try {
  await program.parseAsync();
} catch (error) {
  tellFailure(error);
}
