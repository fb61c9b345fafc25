import { type NamedValues, readSafetensors, type Safetensors, writeSafetensors } from '../tensor/safetensors';
import type { ScaleStart } from './loss-scale';
import type { EpochRecord, Trainer, TrainingPosition } from './trainer';
import { TRAINING_DEFAULTS, type TrainingSettings } from './training-settings';

/*
 * A model is one safetensors file. Its plain names are the network's weights and buffers, ready to be used (the moving
 * average, where there is one). While training is under way, what is needed to go on lies under `training/`: the
 * optimiser's memory, and the last step's weights where the plain ones are an average; and in the metadata `training`,
 * as JSON, the settings and the position. Seed and step decide everything that is drawn at random.
 */

const PREFIX = 'training/';
const WEIGHTS = 'weights.';

/** A model file, taken apart. */
export interface ModelFile {
  /** For miniResNetFrom(). */
  model: Safetensors;
  /** Where its training stands, unless it is finished. */
  training?: SavedTraining;
}

export interface SavedTraining {
  settings: TrainingSettings;
  position: TrainingPosition;
  tensors: Map<string, NamedValues>;
}

/** The bytes of a model that can be used, and trained on from the step that was made last. */
export async function encodeCheckpoint(trainer: Trainer, metadata: Record<string, string>): Promise<Uint8Array> {
  await trainer.settle();
  const { network, average, settings, position } = trainer;
  // All are called before the first is awaited: they read the numbers of this moment.
  const readings = [average?.state() ?? network.state(), trainer.state(), average ? network.state() : undefined];
  const [weights, state, lastWeights] = await Promise.all(readings);
  const tensors = new Map(weights);
  for (const [name, values] of state ?? []) tensors.set(PREFIX + name, values);
  for (const [name, values] of lastWeights ?? []) tensors.set(PREFIX + WEIGHTS + name, values);
  const training = JSON.stringify({ settings, position });
  return writeSafetensors(tensors, { ...metadata, ...network.metadata(), training });
}

/** The bytes of a model whose training is over. */
export async function encodeModel(trainer: Trainer, metadata: Record<string, string>): Promise<Uint8Array> {
  const { network, average } = trainer;
  const weights = await (average?.state() ?? network.state());
  return writeSafetensors(weights, { ...metadata, ...network.metadata() });
}

/**
 * @param source for errors: the file
 * @throws Error in one sentence when the file is cut short or damaged
 */
export function decodeModel(bytes: Uint8Array, source: string): ModelFile {
  const { tensors, metadata } = readSafetensors(bytes, source);
  const { training: json, ...rest } = metadata;
  const weights = new Map<string, NamedValues>();
  const state = new Map<string, NamedValues>();
  for (const [name, values] of tensors)
    if (name.startsWith(PREFIX)) state.set(name.slice(PREFIX.length), values);
    else weights.set(name, values);
  const model = { tensors: weights, metadata: rest };
  return json === undefined ? { model } : { model, training: { ...parseTraining(json, source), tensors: state } };
}

/**
 * Makes a trainer go on where the file stands. It must have been made of the same images and with the file's settings.
 * @throws Error in one sentence when something does not fit
 */
export function resume(trainer: Trainer, { model, training }: ModelFile, source: string): void {
  if (!training) throw new Error(`${source}: holds a model whose training is finished`);
  const { tensors, position } = training;
  const lastWeights = [...tensors].filter(([name]) => name.startsWith(WEIGHTS));
  trainer.average?.load(model.tensors, source);
  trainer.network.load(
    trainer.average
      ? new Map(lastWeights.map(([name, values]) => [name.slice(WEIGHTS.length), values]))
      : model.tensors,
    source,
  );
  trainer.load(tensors, position, source);
}

function parseTraining(json: string, source: string): { settings: TrainingSettings; position: TrainingPosition } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {}
  if (!isRecord(parsed) || !isSettings(parsed.settings) || !isPosition(parsed.position))
    throw new Error(`${source}: does not say how far its training is; train it anew`);
  return { settings: { ...TRAINING_DEFAULTS, ...parsed.settings }, position: parsed.position };
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const isNumber = (value: unknown): value is number => typeof value === 'number';

/** Files of before there was a choice of precision do not tell it. */
function isSettings(value: unknown): value is TrainingSettings {
  return (
    isRecord(value) &&
    Object.entries(TRAINING_DEFAULTS).every(
      ([key, known]) => typeof value[key] === typeof known || (key === 'precision' && value[key] === undefined),
    )
  );
}

function isPosition(value: unknown): value is TrainingPosition {
  return (
    isRecord(value) &&
    [value.step, value.lossSum, value.right].every(isNumber) &&
    Array.isArray(value.history) &&
    value.history.every(isEpochRecord) &&
    (value.lossScale === undefined ||
      (Array.isArray(value.lossScale) && value.lossScale.length > 0 && value.lossScale.every(isScaleStart)))
  );
}

const isScaleStart = (value: unknown): value is ScaleStart =>
  isRecord(value) && [value.step, value.scale].every(isNumber);

/** Test figures are null in JSON where there was nothing to test on. */
function isEpochRecord(value: unknown): value is EpochRecord {
  return isRecord(value) && [value.epoch, value.loss, value.accuracy].every(isNumber);
}
