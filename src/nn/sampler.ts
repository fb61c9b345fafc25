import { type Random, stream } from '../tensor/random';

/** Which images are in which batch. A batch depends on nothing but the seed and its step: training can go on anywhere. */
export interface Sampler {
  readonly batchSize: number;
  /** Steps in which about every image was seen once. */
  readonly stepsPerEpoch: number;
  /** Places of the images of the step, counted from 0. */
  batch(step: number): number[];
}

/** Every image once an epoch, in another order each time. What does not fill a batch sits out, others in every epoch. */
export function shuffledBatches(images: number, batchSize: number, seed: number): Sampler {
  if (images === 0) throw new Error('there are no images to draw batches from');
  const size = Math.min(batchSize, images);
  const stepsPerEpoch = Math.floor(images / size);
  let last: { epoch: number; order: number[] } | undefined;
  return {
    batchSize: size,
    stepsPerEpoch,
    batch(step) {
      const epoch = Math.floor(step / stepsPerEpoch);
      if (last?.epoch !== epoch) last = { epoch, order: shuffled(images, stream(seed, epoch)) };
      const first = (step % stepsPerEpoch) * size;
      return last.order.slice(first, first + size);
    },
  };
}

/**
 * Batches of so many different people with so many images each, whoever has how many: for losses that compare images
 * with each other, and so that nobody is learned at another's expense. Somebody with fewer images is given some again.
 *
 * @param labels of each image
 */
export function balancedBatches(
  labels: ArrayLike<number>,
  { people, imagesEach, seed }: { people: number; imagesEach: number; seed: number },
): Sampler {
  const groups = placesByLabel(labels).filter((places) => places.length > 0);
  if (people > groups.length) throw new Error(`a batch of ${people} people cannot be drawn from ${groups.length}`);
  const batchSize = people * imagesEach;
  return {
    batchSize,
    stepsPerEpoch: Math.max(1, Math.floor(labels.length / batchSize)),
    batch(step) {
      const source = stream(seed, step);
      return shuffled(groups.length, source)
        .slice(0, people)
        .flatMap((person) => {
          const order = shuffled(groups[person].length, source);
          return Array.from({ length: imagesEach }, (_, k) => groups[person][order[k % order.length]]);
        });
    },
  };
}

/** For each label, counted from 0, the places where it stands; `count` labels, or as many as there are. */
export function placesByLabel(labels: ArrayLike<number>, count = 0): number[][] {
  const places = Array.from({ length: count }, (): number[] => []);
  for (const [place, label] of Array.from(labels).entries()) {
    while (places.length <= label) places.push([]);
    places[label].push(place);
  }
  return places;
}

/** 0 ... n - 1 in random order (Fisher and Yates). */
export function shuffled(n: number, source: Random): number[] {
  const order = Array.from({ length: n }, (_, k) => k);
  for (let k = n - 1; k > 0; k--) {
    const other = source.below(k + 1);
    [order[k], order[other]] = [order[other], order[k]];
  }
  return order;
}
