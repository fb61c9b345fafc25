/** Networks for faces that no one here made: npm faceplugin-face-recognition-js (MIT), a dev dependency. */
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { random } from '../src/tensor/random';

/** Each is model/fr_NAME.onnx in the package. */
export const FOREIGN_MODELS = [
  'detect',
  'landmark',
  'feature',
  'liveness',
  'pose',
  'expression',
  'eye',
  'age',
  'gender',
] as const;

export type ForeignModel = (typeof FOREIGN_MODELS)[number];

const folder = dirname(createRequire(resolve('package.json')).resolve('faceplugin-face-recognition-js/package.json'));

/** Where the file lies. */
export const foreignModel = (name: ForeignModel): string => join(folder, 'model', `fr_${name}.onnx`);

/** Noise, the same each time, as input of such a shape; sides that are left open are 1. */
export function foreignInput(sides: readonly (number | null)[]): { shape: number[]; values: Float32Array } {
  const shape = sides.map((side) => side ?? 1);
  const generator = random(7);
  const length = shape.reduce((product, side) => product * side, 1);
  return { shape, values: Float32Array.from({ length }, () => generator.next()) };
}

export interface RecordedOutput {
  /** Of all numbers. */
  count: number;
  /** Those at recordedPlaces(count). */
  values: number[];
}

/** At most so many numbers of each output are written down. */
const RECORDED = 96;

/** Evenly spread over all of an output. */
export const recordedPlaces = (count: number): number[] =>
  Array.from({ length: Math.min(count, RECORDED) }, (_, k) => Math.floor((k * count) / Math.min(count, RECORDED)));
