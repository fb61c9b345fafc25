import { type Command, InvalidArgumentError, Option } from 'commander';
import { SCALINGS, type Scaling } from '../nn/depth-network';
import { type CommonOptions, commonOptions, number, outOption } from './options';

export interface GradientsOptions extends CommonOptions {
  depths: number[];
  scalings: Scaling[];
  steps: number;
  seed: number;
  seeds: number;
  batch: number;
  learningRate: number;
  out?: string;
  progress: boolean;
}

const EXAMPLES = `
Examples:
  likeness study gradients --out gradients.svg             72 networks, in a few minutes
  likeness study gradients --depths 2,8 --seeds 1 --steps 50
  likeness study gradients --scalings small --depths 4,16,64 --steps 1
  likeness study gradients --scalings batch-norm --learning-rate 0.1 --out gradients.html
  likeness study gradients --json > gradients.json         every loss, and the norm of every layer's gradient

Each network has a convolution as stem, so many blocks of two 3x3 convolutions with 16 channels, all alike, and a
classifier; plain: without the skips. It learns to tell 10 drawn people apart. Scalings: small, weights uniform within
1 / sqrt(fan in), as PyTorch's layers start; he, weights of variance 2 / fan (He et al. 2015); batch-norm, these and a
batch norm after each convolution. docs/residual-block.md says what is to be seen.`;

function depths(text: string): number[] {
  const one = number(1, 200, true);
  return listed(text).map(one);
}

function scalings(text: string): Scaling[] {
  return listed(text).map((name) => {
    const scaling = SCALINGS.find((known) => known === name);
    if (!scaling) throw new InvalidArgumentError(`${name} is none of ${SCALINGS.join(', ')}.`);
    return scaling;
  });
}

/** 2,4,8 without what is named twice. */
const listed = (text: string): string[] => [...new Set(text.split(',').map((one) => one.trim()))];

/** What shows by experiment how networks learn. */
export function addStudyCommands(program: Command, signal: AbortSignal): void {
  const study = program.command('study').description('show by experiment how networks learn');
  const gradients = study
    .command('gradients')
    .description('plain against residual networks at growing depth: the gradient of each layer, and how they learn');
  const options = [
    ...commonOptions(),
    new Option('--depths <list>', 'blocks of the networks').argParser(depths).default([2, 4, 8, 16], '2,4,8,16'),
    new Option('--scalings <list>', 'what sets the size of the signals')
      .argParser(scalings)
      .default(SCALINGS, SCALINGS.join(',')),
    new Option('--steps <count>', 'of each training').argParser(number(1, 100_000, true)).default(200),
    new Option('--seed <number>', 'the first; another gives other weights, and other people')
      .argParser(number(0, 2 ** 32 - 1, true))
      .default(1),
    new Option('--seeds <count>', 'how many times each network is trained, each from other weights')
      .argParser(number(1, 1000, true))
      .default(3),
    new Option('--batch <count>', 'images a step').argParser(number(2, 160, true)).default(16),
    new Option('--learning-rate <number>', 'of all of them; momentum is 0.9')
      .argParser(number(1e-9, 100))
      .default(0.05),
    outOption('write a chart, as .svg or .html'),
    new Option('--no-progress', 'no progress bar'),
  ];
  for (const option of options) gradients.addOption(option);
  gradients.addHelpText('after', EXAMPLES).action(async (chosen: GradientsOptions) => {
    await (await import('./study')).studyGradients(chosen, signal);
  });
}
