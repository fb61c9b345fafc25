import type { Backend } from '../kernels/backend';
import { WeightAverage } from '../nn/average';
import { compile } from '../nn/compile';
import { AdamW } from '../nn/optimizer';
import { shuffledBatches } from '../nn/sampler';
import { cosine, warmUp } from '../nn/schedule';
import { gradients } from '../tensor/autograd';
import { multiply } from '../tensor/ops/arithmetic';
import { sum } from '../tensor/ops/reduce';
import { stream } from '../tensor/random';
import { writeSafetensors } from '../tensor/safetensors';
import { scope } from '../tensor/scope';
import { Tensor } from '../tensor/tensor';
import { FIVE, FIVE_MIRRORED, LANDMARK_SIDE, LandmarkNetwork } from './landmark-network';
import { LANDMARK_AUGMENTATION, type LabelledFace, landmarkSample } from './landmark-samples';

export type PointLoss = 'distance' | 'squared' | 'absolute' | 'wing';

export interface LandmarkSettings {
  /** What is made small: see landmarkLoss. */
  loss: PointLoss;
  epochs: number;
  batchSize: number;
  seed: number;
  /** The highest, after warming up for an epoch; it falls along half a cosine. */
  learningRate: number;
  weightDecay: number;
  /** Of the moving average of weights that is evaluated and saved. */
  averageDecay: number;
  /** The share of faces that wear a drawn mask, 0 to 1. */
  masks: number;
}

export const LANDMARK_SETTINGS: LandmarkSettings = {
  loss: 'distance',
  epochs: 80,
  batchSize: 32,
  seed: 1,
  learningRate: 0.003,
  weightDecay: 5e-4,
  averageDecay: 0.998,
  masks: 0,
};

export interface LandmarkEpoch {
  epoch: number;
  /** Mean error of the varied faces that were trained on, as a share of the distance between the eyes. */
  error: number;
  /** The same of the validation faces, as they are and with the mean over the mirror image; NaN of none. */
  validationError: number;
}

const PIXELS = LANDMARK_SIDE * LANDMARK_SIDE * 3;
const NUMBERS = 2 * FIVE;
/** A face from the side has its eyes close together: from here on, in shares of the crop, its errors count no more. */
const LEAST_EYES = 0.125;
/** Nearer than this, in shares of the crop, a distance is smooth: its slope has no limit at 0. */
const SMOOTH = 0.005;
/** Of the wing loss, 10 and 2 pixels where the paper's faces have about 83 between the eyes: shares of that distance. */
const WING = { width: 0.12, curvature: 0.024 };

/** Streams of one seed. */
const [FIRST_WEIGHTS, ORDER, VARIATION] = [0, 1, 2];

/**
 * Trains a LandmarkNetwork. Unless the settings say otherwise, the loss is the very error that is measured: the mean
 * distance of the points as a share of the distance between the eyes.
 */
export class LandmarkTrainer {
  readonly network: LandmarkNetwork;
  readonly settings: LandmarkSettings;
  readonly #backend: Backend;
  readonly #faces: readonly LabelledFace[];
  readonly #validation: readonly LabelledFace[];
  readonly #optimizer: AdamW;
  readonly #average: WeightAverage;

  /** @param validation faces that are not trained on, to tell after each epoch how it goes */
  constructor(
    backend: Backend,
    faces: readonly LabelledFace[],
    validation: readonly LabelledFace[],
    settings: Partial<LandmarkSettings> = {},
  ) {
    this.settings = { ...LANDMARK_SETTINGS, ...settings };
    const { learningRate, weightDecay, averageDecay, seed } = this.settings;
    this.#backend = backend;
    this.#faces = faces;
    this.#validation = validation;
    this.network = new LandmarkNetwork({ backend, random: stream(seed, FIRST_WEIGHTS) });
    this.#optimizer = new AdamW(this.network.parameters(), { learningRate, weightDecay });
    this.#average = new WeightAverage(this.network, averageDecay);
  }

  /** Trains to the end, or until the signal, and tells of each epoch. @throws Error when the loss is not finite */
  async *run(signal?: AbortSignal): AsyncGenerator<LandmarkEpoch> {
    const { epochs, batchSize, learningRate, seed } = this.settings;
    const sampler = shuffledBatches(this.#faces.length, batchSize, stream(seed, ORDER).below(2 ** 32));
    const { stepsPerEpoch } = sampler;
    const schedule = warmUp(stepsPerEpoch, cosine(learningRate, Math.max(1, (epochs - 1) * stepsPerEpoch)));
    for (let epoch = 1, step = 0; epoch <= epochs; epoch++) {
      let error = 0;
      for (const end = epoch * stepsPerEpoch; step < end; step++) {
        if (signal?.aborted) return;
        this.#optimizer.learningRate = schedule(step);
        error += await this.#makeStep(sampler.batch(step), step);
      }
      yield { epoch, error: error / stepsPerEpoch, validationError: await this.validate() };
    }
  }

  /** @returns the mean error of the step's faces */
  async #makeStep(indices: readonly number[], step: number): Promise<number> {
    const pixels = new Float32Array(indices.length * PIXELS);
    const targets = new Float32Array(indices.length * NUMBERS);
    for (const [place, index] of indices.entries()) {
      const varied = {
        random: stream(this.settings.seed, VARIATION, step, place),
        augmentation: { ...LANDMARK_AUGMENTATION, masks: this.settings.masks },
      };
      landmarkSample(this.#faces[index], ...placeOf(place, pixels, targets), varied);
    }
    this.network.train();
    const inside = scope();
    const images = Tensor.from(this.#backend, pixels, [indices.length, LANDMARK_SIDE, LANDMARK_SIDE, 3]);
    const predicted = this.network.forward(images);
    const reading = predicted.data();
    const held = inside.detach();
    try {
      const { slopes, error } = landmarkLoss(await reading, targets, this.settings.loss);
      if (!Number.isFinite(error))
        throw new Error(`training stopped: the error is ${error} at step ${step + 1}; try a lower --learning-rate`);
      using _ = scope();
      // Ten numbers a face: the loss and its slopes are worked out here. A sum weighted by the slopes has the loss's gradient.
      const weighted = sum(multiply(predicted, Tensor.from(this.#backend, slopes, predicted.shape)));
      this.#optimizer.step(gradients(weighted, [...this.#optimizer.parameters.values()]));
      this.#average.update();
      return error;
    } finally {
      held.dispose();
    }
  }

  /** The mean error of the validation faces with the averaged weights, each the mean of two looks; NaN of none. */
  async validate(batchSize = 16): Promise<number> {
    if (this.#validation.length === 0) return Number.NaN;
    this.network.evaluate();
    this.#average.swap();
    const shape = [2 * batchSize, LANDMARK_SIDE, LANDMARK_SIDE, 3];
    const plan = await compile(this.#backend, (images) => [this.network.forward(images)], shape);
    this.#average.swap();
    try {
      let total = 0;
      for (let first = 0; first < this.#validation.length; first += batchSize) {
        const faces = this.#validation.slice(first, first + batchSize);
        const pixels = new Float32Array(2 * batchSize * PIXELS);
        const targets = new Float32Array(faces.length * NUMBERS);
        for (const [place, face] of faces.entries()) {
          landmarkSample(face, ...placeOf(place, pixels, targets));
          mirrorInto(pixels, place * PIXELS, (batchSize + place) * PIXELS);
        }
        this.#backend.write(plan.input.slot, pixels);
        const numbers = await plan.run()[0].data();
        const both = targets.map((_, at) => {
          const [face, point, axis] = [Math.floor(at / NUMBERS), Math.floor((at % NUMBERS) / 2), at % 2];
          const twin = numbers[(batchSize + face) * NUMBERS + 2 * FIVE_MIRRORED[point] + axis];
          return (numbers[at] + (axis === 0 ? -twin : twin)) / 2;
        });
        total += landmarkLoss(both, targets).error * faces.length;
      }
      return total / this.#validation.length;
    } finally {
      plan.dispose();
    }
  }

  /** The bytes of a safetensors file with the averaged weights. */
  async encode(metadata: Record<string, string>): Promise<Uint8Array> {
    return writeSafetensors(await this.#average.state(), { ...metadata, ...this.network.metadata() });
  }

  dispose(): void {
    this.#optimizer.dispose();
    this.#average.dispose();
    this.network.dispose();
  }
}

const placeOf = (place: number, pixels: Float32Array, targets: Float32Array): [Float32Array, Float32Array] => [
  pixels.subarray(place * PIXELS, (place + 1) * PIXELS),
  targets.subarray(place * NUMBERS, (place + 1) * NUMBERS),
];

function mirrorInto(pixels: Float32Array, from: number, to: number): void {
  const line = 3 * LANDMARK_SIDE;
  for (let row = 0; row < LANDMARK_SIDE; row++)
    for (let x = 0; x < LANDMARK_SIDE; x++)
      for (let k = 0; k < 3; k++)
        pixels[to + row * line + 3 * x + k] = pixels[from + row * line + 3 * (LANDMARK_SIDE - 1 - x) + k];
}

/**
 * The mean over faces and points of a loss of d = (p - t) / max(|left eye - right eye|, an eighth of the crop), and its
 * slope for every number predicted.
 *
 *   distance   |d|                                   slope  d / |d|
 *   squared    |d|^2                                 slope  2 d
 *   absolute   |dx| + |dy|                           slope  sign(dk)
 *   wing       sum of w ln(1 + |dk| / e) up to |dk| = w, |dk| - c beyond (Feng et al. 2018, section 4.2)
 *                                                    slope  sign(dk) w / (e + |dk|), and sign(dk)
 *
 * Within half a hundredth of the crop, s, |x| is replaced by a parabola of the same slope at s.
 *
 * @param predicted [batch * 10], x and y of each point in turn, -1 to 1
 * @returns `error` is the mean distance whatever the loss, with neither the limit nor the parabola: what is measured
 */
export function landmarkLoss(
  predicted: ArrayLike<number>,
  targets: ArrayLike<number>,
  loss: PointLoss = 'distance',
): { slopes: Float32Array; error: number } {
  const slopes = new Float32Array(targets.length);
  const count = targets.length / 2;
  let error = 0;
  for (let face = 0; face < targets.length; face += NUMBERS) {
    const eyes = Math.hypot(targets[face] - targets[face + 2], targets[face + 1] - targets[face + 3]);
    // The image is 2 wide: shares of the crop are twice as much here.
    const unit = Math.max(eyes, 2 * LEAST_EYES);
    for (let at = face; at < face + NUMBERS; at += 2) {
      const [dx, dy] = [predicted[at] - targets[at], predicted[at + 1] - targets[at + 1]];
      const [slopeX, slopeY] = POINT_LOSS_SLOPES[loss](dx / unit, dy / unit, (2 * SMOOTH) / unit);
      slopes[at] = slopeX / (unit * count);
      slopes[at + 1] = slopeY / (unit * count);
      error += Math.hypot(dx, dy) / eyes / count;
    }
  }
  return { slopes, error };
}

/** The slope of |x|, of its parabola within `smooth`. */
const sign = (x: number, smooth: number) => x / Math.max(Math.abs(x), smooth);

const wing = (x: number, smooth: number) => {
  const { width, curvature } = WING;
  return sign(x, smooth) * (Math.abs(x) < width ? width / (curvature + Math.abs(x)) : 1);
};

/** Of each loss at d = (x, y). */
export const POINT_LOSS_SLOPES: Record<PointLoss, (x: number, y: number, smooth: number) => [number, number]> = {
  distance: (x, y, smooth) => {
    const length = Math.max(Math.hypot(x, y), smooth);
    return [x / length, y / length];
  },
  squared: (x, y) => [2 * x, 2 * y],
  absolute: (x, y, smooth) => [sign(x, smooth), sign(y, smooth)],
  wing: (x, y, smooth) => [wing(x, smooth), wing(y, smooth)],
};
