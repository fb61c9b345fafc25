import { type Random, type RandomState, random, randomFromState } from '../tensor/random';
import { ARCFACE_TEMPLATE } from './align';
import { type PixelShape, resize } from './pixels';
import { syntheticPerson, syntheticPhoto } from './synthetic';

export interface Example {
  /** [height, width, channels], 0 to 1: not yet normalised. */
  pixels: Float32Array;
  /** Whose: a place in the data set's `names`. */
  label: number;
  /** Where it came from, for the reader of a report. */
  file: string;
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
      const { image } = syntheticPhoto(person, own.fork(), { height, width, channels, framing: ARCFACE_TEMPLATE });
      const pixels = resize(image, { height, width, channels });
      examples.push({ pixels, label, file: `person ${label + 1}, photo ${k + 1}` });
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

/** Draws one batch after another. */
export interface Sampler {
  /** Places in the data set's `examples`. */
  next(): number[];
  /** From this, as plain JSON, the same kind of sampler goes on exactly. */
  state(): SamplerState;
}

export interface SamplerState {
  random: RandomState;
  /** How many examples of the epoch were drawn. */
  position: number;
}

/**
 * Every example once, in random order; then again in another. All batches are full: one at the end of an epoch goes
 * on into the next.
 */
export function shuffledSampler(dataset: Dataset, batch: number, start: Random | SamplerState): Sampler {
  const { examples } = dataset;
  if (examples.length === 0) throw new DatasetError('there are no images to draw batches from');
  const source = generator(start);
  let position = 'position' in start ? start.position : 0;
  let epoch = source.state();
  let order = shuffled(examples.length, source);
  return {
    next: () =>
      Array.from({ length: batch }, () => {
        if (position === order.length) {
          position = 0;
          epoch = source.state();
          order = shuffled(examples.length, source);
        }
        return order[position++];
      }),
    state: () => ({ random: epoch, position }),
  };
}

/**
 * Batches of so many different people with so many images each, whoever has how many: for losses that compare images
 * with each other. Somebody who has fewer images is given some of them again.
 */
export function balancedSampler(
  dataset: Dataset,
  people: number,
  imagesEach: number,
  start: Random | SamplerState,
): Sampler {
  const groups = byPerson(dataset).filter((group) => group.length > 0);
  if (people > groups.length)
    throw new DatasetError(`a batch of ${people} people cannot be drawn from ${groups.length}`);
  const source = generator(start);
  return {
    next: () =>
      shuffled(groups.length, source)
        .slice(0, people)
        .flatMap((person) => {
          const group = groups[person];
          const order = shuffled(group.length, source);
          return Array.from({ length: imagesEach }, (_, k) => group[order[k % order.length]]);
        }),
    state: () => ({ random: source.state(), position: 0 }),
  };
}

const generator = (start: Random | SamplerState): Random => ('next' in start ? start : randomFromState(start.random));

/** One array for a tensor [batch, height, width, channels], and one of labels. */
export function stack(
  dataset: Dataset,
  indices: readonly number[],
  vary: (pixels: Float32Array) => Float32Array = (pixels) => pixels,
): { pixels: Float32Array; labels: Int32Array } {
  const size = dataset.height * dataset.width * dataset.channels;
  const pixels = new Float32Array(indices.length * size);
  indices.forEach((index, k) => {
    pixels.set(vary(dataset.examples[index].pixels), k * size);
  });
  return { pixels, labels: Int32Array.from(indices, (index) => dataset.examples[index].label) };
}

/** For each person, the places of the images. */
function byPerson({ names, examples }: Dataset): number[][] {
  const groups = names.map((): number[] => []);
  examples.forEach(({ label }, index) => {
    groups[label].push(index);
  });
  return groups;
}

/** 0 ... n - 1 in random order (Fisher and Yates). */
function shuffled(n: number, source: Random): number[] {
  const order = Array.from({ length: n }, (_, k) => k);
  for (let k = n - 1; k > 0; k--) {
    const other = source.below(k + 1);
    [order[k], order[other]] = [order[other], order[k]];
  }
  return order;
}
