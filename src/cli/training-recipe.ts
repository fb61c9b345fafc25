import type { AugmentOptions } from '../face/augment';
import { MINI_RESNET_PRESETS, type MiniResNetOptions } from '../nn/mini-resnet';
import type { TrainingSettings } from '../nn/training-settings';
import type { TrainOptions } from './train';
import type { DataChoices } from './training-data';

export interface Recipe {
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
  small: {
    network: MINI_RESNET_PRESETS.small,
    settings: { epochs: 60, batchSize: 32, learningRate: 0.05 },
    augment: {},
  },
  default: {
    network: MINI_RESNET_PRESETS.default,
    settings: { epochs: 60, batchSize: 32, learningRate: 0.05 },
    augment: {},
  },
} satisfies Record<string, Recipe>;

export type PresetName = keyof typeof RECIPES;
export const isPreset = (name: string): name is PresetName => name in RECIPES;

/** What is otherwise with a teacher: its embeddings alone are learnt, in few epochs. */
const TAUGHT: Partial<TrainingSettings> = {
  epochs: 20,
  batchSize: 32,
  optimizer: 'adamw',
  learningRate: 0.002,
  weightDecay: 0.05,
  warmUpEpochs: 0.5,
  averageDecay: 0.995,
  identityWeight: 0,
  teacherWeight: 1,
  relationWeight: 4,
};

/** What is otherwise with a network that has learnt already: little is to be changed. */
const TUNED: Partial<TrainingSettings> = {
  epochs: 10,
  batchSize: 32,
  optimizer: 'adamw',
  learningRate: 0.0002,
  weightDecay: 0.01,
  warmUpEpochs: 0.5,
  averageDecay: 0.99,
};

export type Choices = DataChoices & { preset: PresetName; from?: string };

export function recipeOf({ preset, teacher, from }: Choices): Recipe {
  const recipe: Recipe = RECIPES[from === undefined ? preset : 'default'];
  const settings = {
    ...recipe.settings,
    ...(teacher && TAUGHT),
    ...(from !== undefined && TUNED),
  };
  return { ...recipe, settings };
}

/** What the words of the command change of the preset's settings. */
export const given = (options: TrainOptions): Partial<TrainingSettings> =>
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
    precision: options.half ? 'half' : undefined,
    teacherWeight: options.teacherWeight,
    relationWeight: options.relationWeight,
    identityWeight: options.identityWeight,
  });

/** Margins need a classifier of angles. */
export const givenNetwork = (options: TrainOptions, recipe: Recipe): Partial<MiniResNetOptions> => {
  const { form, plain, size } = options;
  return defined({
    form,
    plain,
    input: size === undefined ? undefined : { ...recipe.network.input, width: size, height: size },
    classifier: hasMargin(options, recipe) ? 'cosine' : undefined,
  });
};

export const hasMargin = ({ loss }: TrainOptions, { settings }: Recipe): boolean =>
  (loss ?? settings.loss ?? 'softmax') !== 'softmax';

/** A network in the form of another one, for whose weights there is a place in it. It may see images of another size. */
export const startedNetwork = (
  { classes: _, classifier: __, ...form }: MiniResNetOptions,
  options: TrainOptions,
  recipe: Recipe,
): Recipe['network'] => {
  const { input = form.input, classifier = 'linear' } = givenNetwork(options, recipe);
  return { ...form, classifier, input: { ...input, channels: form.input.channels } };
};

/** Without what is undefined. */
const defined = <T extends object>(values: { [K in keyof T]: T[K] | undefined }): Partial<T> => {
  const result: Partial<T> = {};
  for (const key in values) if (values[key] !== undefined) result[key] = values[key];
  return result;
};
