import { placesByLabel, shuffled } from '../nn/sampler';
import { random } from '../tensor/random';
import { ARCFACE_TEMPLATE, type Point } from './align';
import { inputPixels, type PixelShape } from './pixels';
import { syntheticPerson, syntheticPhoto } from './synthetic';

export interface Example {
  /** [height, width, channels], a byte each: a quarter of the memory that numbers would take. */
  pixels: Uint8Array;
  /** Whose: a place in the data set's `names`. */
  label: number;
  /** Where it came from, for the reader of a report. */
  file: string;
  /** The face's 68 landmarks in pixels of the example; none of pictures that were aligned already. */
  landmarks?: readonly Point[];
  /** What a teacher makes of it. */
  target?: Float32Array;
}

/** Labelled faces, all of one shape, in the order of their names and files. It is held in memory as a whole. */
export interface Dataset extends PixelShape {
  names: string[];
  examples: Example[];
}

/** One sentence that says why a data set cannot be had or used. */
export class DatasetError extends Error {
  override name = 'DatasetError';
}

/**
 * Drawn people, each aligned to ArcFace's template; the same seed gives the same bytes. An identity does not depend
 * on how many others there are, nor on how many images of each.
 */
export function syntheticDataset(options: PixelShape & { people: number; imagesEach: number; seed: number }): Dataset {
  const { people, imagesEach, height, width, channels, seed } = options;
  const source = random(seed);
  const names: string[] = [];
  const examples: Example[] = [];
  for (let label = 0; label < people; label++) {
    const own = source.fork();
    const person = syntheticPerson(own);
    names.push(`person ${label + 1}`);
    for (let k = 0; k < imagesEach; k++) {
      const { image, landmarks } = syntheticPhoto(person, own.fork(), {
        height,
        width,
        channels,
        framing: ARCFACE_TEMPLATE,
      });
      const pixels = inputPixels(image, { height, width, channels });
      examples.push({ pixels, label, file: `person ${label + 1}, photo ${k + 1}`, landmarks });
    }
  }
  return { names, examples, height, width, channels };
}

/** How many go into training: the first so many of each person, or a share (above 0, below 1) drawn by the seed. */
export type SplitRule = { first: number } | { share: number; seed: number };

/**
 * Splits every person's images into two data sets with the same names. Somebody with one image is trained on only.
 *
 * @throws DatasetError when nothing is left to test on
 */
export function splitDataset(dataset: Dataset, rule: SplitRule): { train: Dataset; test: Dataset } {
  const train: Example[] = [];
  const test: Example[] = [];
  const source = 'seed' in rule ? random(rule.seed) : undefined;
  for (const group of byPerson(dataset)) {
    const order = source ? shuffled(group.length, source.fork()) : group.map((_, k) => k);
    const wanted = 'first' in rule ? rule.first : Math.min(group.length - 1, Math.round(rule.share * group.length));
    const chosen = new Set(order.slice(0, Math.max(1, wanted)));
    group.forEach((index, k) => {
      (chosen.has(k) ? train : test).push(dataset.examples[index]);
    });
  }
  if (test.length === 0)
    throw new DatasetError(
      `no image is left to test on: ${formatBalance(balanceOf(dataset))}; add images or train on fewer`,
    );
  return { train: { ...dataset, examples: train }, test: { ...dataset, examples: test } };
}

/**
 * Holds so many of the people back, drawn by the seed, so that the test images show strangers: for networks that are not
 * to learn names but to compare faces.
 *
 * @param share above 0, below 1
 */
export function splitPeople(dataset: Dataset, { share, seed }: { share: number; seed: number }) {
  const order = shuffled(dataset.names.length, random(seed));
  const heldOut = new Set(order.slice(0, Math.max(1, Math.round(share * order.length))));
  const train = dataset.examples.filter(({ label }) => !heldOut.has(label));
  const test = dataset.examples.filter(({ label }) => heldOut.has(label));
  if (train.length < 2) throw new DatasetError(`${dataset.examples.length} images are too few to learn from`);
  return { train: { ...dataset, examples: train }, test: { ...dataset, examples: test } };
}

/** How evenly the images are spread over the people. */
export interface Balance {
  people: number;
  images: number;
  min: number;
  median: number;
  max: number;
  /** Who has one image only, which cannot both be trained on and tested. */
  withOneImage: string[];
}

export function balanceOf(dataset: Dataset): Balance {
  const counts = byPerson(dataset).map((group) => group.length);
  const sorted = [...counts].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return {
    people: dataset.names.length,
    images: dataset.examples.length,
    min: sorted[0] ?? 0,
    median: sorted.length === 0 ? 0 : (sorted[Math.floor(middle - 0.5)] + sorted[Math.floor(middle)]) / 2,
    max: sorted[sorted.length - 1] ?? 0,
    withOneImage: dataset.names.filter((_, label) => counts[label] === 1),
  };
}

/** For instance: 40 people, 400 images, 10 of each */
export function formatBalance({ people, images, min, median, max, withOneImage }: Balance): string {
  const count = (n: number, one: string, many: string) => `${n.toLocaleString('en')} ${n === 1 ? one : many}`;
  const spread = min === max ? `${min} of each` : `${min} to ${max} of each, half of the people up to ${median}`;
  const single =
    withOneImage.length === 0 ? '' : `; ${count(withOneImage.length, 'person has', 'people have')} one image`;
  return `${count(people, 'person', 'people')}, ${count(images, 'image', 'images')}, ${spread}${single}`;
}

/** For each person, the places of the images. */
const byPerson = ({ names, examples }: Dataset): number[][] =>
  placesByLabel(
    examples.map(({ label }) => label),
    names.length,
  );
