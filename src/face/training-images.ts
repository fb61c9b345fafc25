import { platform } from '#platform';
import type { LabelledImage } from '../nn/evaluation';
import { type PixelPreparation, STANDARDIZED } from '../nn/prepared-pixels';
import type { TrainingData } from '../nn/trainer';
import { LANDMARK_COUNT } from './align';
import type { AugmentOptions } from './augment';
import source from './augment-worker.ts?worker';
import type { AugmentedImages, BatchRequest } from './augmented-batch';
import type { Example } from './dataset';
import type { PixelShape } from './pixels';

/** Images for a trainer, which a thread varies while the step before is computed. */
export class TrainingImages implements TrainingData {
  readonly labels: readonly number[];
  readonly test: readonly LabelledImage[];
  readonly targets?: readonly Float32Array[];
  readonly #worker: ReturnType<typeof platform.startWorker>;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * @param options.seed  decides, with the number of the step, how images are varied
   * @param options.masks the share of images in which the face wears a drawn mask, 0 to 1
   * @param options.preparation what becomes of the varied pixels before the network; by default mean 0 and deviation 1
   * @throws Error for masks on images without landmarks, and for targets of some images only
   */
  constructor(
    train: readonly Example[],
    test: readonly LabelledImage[],
    options: {
      shape: PixelShape;
      augment: AugmentOptions;
      seed: number;
      masks?: number;
      preparation?: PixelPreparation;
    },
  ) {
    const { shape, augment, seed, masks = 0, preparation = STANDARDIZED } = options;
    const size = shape.height * shape.width * shape.channels;
    const bytes = new Uint8Array(shared(train.length * size));
    for (const [index, { pixels }] of train.entries()) bytes.set(pixels, index * size);
    this.labels = train.map(({ label }) => label);
    this.test = test;
    const targets = train.flatMap(({ target }) => (target ? [target] : []));
    if (targets.length > 0 && targets.length < train.length)
      throw new Error('training images: the teacher has looked at some of them only');
    if (targets.length > 0) this.targets = targets;
    const worn = masks > 0 && { masks, landmarks: landmarksOf(train) };
    const images: AugmentedImages = { bytes, shape, options: augment, seed, preparation, ...worn };
    this.#worker = platform.startWorker(source, images);
  }

  /** One request at a time: the trainer asks for the next batch as soon as it has one. */
  batch(indices: readonly number[], step: number): Promise<Float32Array> {
    const request: BatchRequest = { indices, step };
    const batch = this.#last.then(async () => {
      const answer = await this.#worker.ask(request);
      if (answer instanceof Float32Array) return answer;
      throw new Error('training images: the thread answers with something that is no batch');
    });
    this.#last = batch.catch(() => undefined);
    return batch;
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

function landmarksOf(train: readonly Example[]): Float32Array {
  const numbers = train.flatMap(({ landmarks = [] }) => landmarks.flat());
  if (numbers.length !== 2 * LANDMARK_COUNT * train.length)
    throw new Error('training images: masks are drawn by landmarks, which some images lack');
  return Float32Array.from(numbers);
}

/** Memory that the thread sees as well, or where a page may not have that, memory that is copied to it. */
const shared = (length: number): SharedArrayBuffer | ArrayBuffer =>
  typeof SharedArrayBuffer === 'undefined' ? new ArrayBuffer(length) : new SharedArrayBuffer(length);
