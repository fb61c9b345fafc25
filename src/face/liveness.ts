import type { Backend, Precision } from '../kernels/backend';
import { Tensor } from '../tensor/tensor';
import type { Box } from './boxes';
import type { FileSource } from './file-source';
import type { RawImage } from './image';
import { ImageNetwork, type Size } from './image-network';

/**
 * A network that tells a living face from a print or a screen. Nobody vouches for such networks: how often one is wrong
 * with a given camera, and with somebody who means to deceive it, only a trial tells.
 */
export interface LivenessFile {
  onnx: FileSource;
  /**
   * How many times as large as the face's box the part of the photo is that the network sees. Default 2.7, or what the
   * file's name begins with, as in 4_0_0_80x80_MiniFASNetV1SE.onnx.
   */
  crop?: number;
  channels?: 'RGB' | 'BGR';
  /** Which of the network's classes means a living face, counted from 0. */
  live?: number;
  /** The least score of a living face, 0 to 1. Default 0.5. */
  threshold?: number;
}

/** How a network wants to be shown a face. Its numbers are bytes as they are. */
interface Kind {
  crop: number;
  channels: 'RGB' | 'BGR';
  live: number;
  /** The box is first made as wide as it is high. */
  isSquare: boolean;
}

/**
 * By the side of the input, of those that have three classes:
 * - 80: MiniFASNet (minivision-ai's Silent-Face-Anti-Spoofing, `generate_patches.py`, `test.py`)
 * - 128: that of the package faceplugin-face-recognition-js (`fr_liveness.js`)
 */
const KINDS = new Map<number | null, Kind>([
  [80, { crop: 2.7, channels: 'BGR', live: 1, isSquare: false }],
  [128, { crop: 2.7, channels: 'RGB', live: 0, isSquare: true }],
]);
const CLASSES = 3;
const DEFAULT_THRESHOLD = 0.5;

/** Judges whether faces in photos are alive. */
export class LivenessJudge {
  readonly threshold: number;
  readonly #backend: Backend;
  readonly #network: ImageNetwork;
  readonly #kind: Kind;
  readonly #input: Size;

  private constructor(backend: Backend, network: ImageNetwork, input: Size, kind: Kind, threshold: number) {
    this.threshold = threshold;
    this.#backend = backend;
    this.#network = network;
    this.#kind = kind;
    this.#input = input;
  }

  /** @throws Error in one sentence when the file cannot be read, or it is not known how it wants its faces */
  static async open(backend: Backend, file: LivenessFile, precision?: Precision): Promise<LivenessJudge> {
    const network = await ImageNetwork.open(backend, file.onnx, 'the liveness network', precision);
    try {
      const { width, height, channels } = network.input;
      const kind = kindOf(network, file);
      if (width === null || height === null || channels !== 3 || !kind)
        throw new Error(
          `${network.file}: is neither a MiniFASNet of 80x80 pixels nor the network of 128x128 that is known here; say ` +
            'how it wants its faces (crop, channels and live of the option liveness, in a program)',
        );
      return new LivenessJudge(backend, network, { width, height }, kind, file.threshold ?? DEFAULT_THRESHOLD);
    } catch (error) {
      await network.dispose();
      throw error;
    }
  }

  prepare = (): Promise<void> => this.#network.prepare(this.#input);

  /**
   * @param boxes of faces from forehead to chin and ear to ear, in pixels of the photo
   * @returns for each how sure the network is that it is alive, 0 to 1
   */
  async scores(photo: RawImage, boxes: readonly Box[], signal?: AbortSignal): Promise<number[]> {
    const { crop, channels, live, isSquare } = this.#kind;
    const { width, height } = this.#input;
    const look = (k: number) => {
      const part = enlarged(isSquare ? squared(boxes[k]) : boxes[k], crop, photo);
      return Tensor.from(this.#backend, sampled(photo, part, this.#input, channels), [1, height, width, 3]);
    };
    const outputs = await this.#network.run(boxes.length, this.#input, look, { signal });
    return outputs.map(([{ values }]) => {
      if (live < values.length) return probabilities(values)[live];
      throw new Error(`${this.#network.file}: has no class ${live}, it tells ${values.length} apart`);
    });
  }

  dispose = (): Promise<void> => this.#network.dispose();
}

/** What the file's size says, and what the caller does; nothing where that is not enough. */
function kindOf({ file, input, outputs }: ImageNetwork, options: LivenessFile): Kind | undefined {
  const { crop = cropInName(file), channels, live } = options;
  const classes = outputs[0]?.shape.at(-1);
  const usual = input.width === input.height && classes === CLASSES ? KINDS.get(input.width) : undefined;
  const kind = { ...usual, ...(crop && { crop }), ...(channels && { channels }), ...(live !== undefined && { live }) };
  if (kind.crop === undefined || kind.channels === undefined || kind.live === undefined) return undefined;
  return { crop: kind.crop, channels: kind.channels, live: kind.live, isSquare: kind.isSquare ?? false };
}

/** minivision-ai's names of files begin with the crop, and go on with the size. */
function cropInName(file: string): number | undefined {
  const [, crop] = /(?:^|[\\/])(\d+(?:\.\d+)?)_(?:[\d.]+_)*\d+x\d+[^\\/]*$/.exec(file) ?? [];
  return crop === undefined ? undefined : Number(crop);
}

/** As wide as it is high, about the same middle. */
const squared = ([x, y, width, height]: Box): Box => [x + (width - height) / 2, y, height, height];

/**
 * A box so many times as large about its middle, but no larger than the photo, and moved inside it: minivision-ai's
 * `AffineCrop`.
 */
export function enlarged([x, y, width, height]: Box, factor: number, photo: Size): Box {
  const most = Math.min((photo.width - 1) / width, (photo.height - 1) / height, factor);
  const [across, down] = [most * width, most * height];
  const inside = (start: number, length: number, limit: number) => Math.max(0, Math.min(limit - length, start));
  return [
    inside(x + (width - across) / 2, across, photo.width),
    inside(y + (height - down) / 2, down, photo.height),
    across,
    down,
  ];
}

/**
 * A part of a photo in another size, each number between its four neighbours and no more, however much smaller it gets:
 * what these networks look for is lost where pixels are averaged, and they were taught with pictures made so.
 *
 * @returns [height, width, 3], 0 to 255
 */
export function sampled(
  { data, width: photoWidth, height: photoHeight }: RawImage,
  [left, top, across, down]: Box,
  { width, height }: Size,
  channels: 'RGB' | 'BGR',
): Float32Array {
  const numbers = new Float32Array(width * height * 3);
  const places = (count: number, start: number, length: number, limit: number) => {
    const first = Math.max(0, Math.min(limit - 1, Math.round(start)));
    const last = Math.max(first, Math.min(limit, Math.round(start + length)) - 1);
    return Array.from({ length: count }, (_, k) => {
      const place = Math.max(first, Math.min(last, start + ((k + 0.5) * length) / count - 0.5));
      const from = Math.floor(place);
      return { from, next: Math.min(last, from + 1), share: place - from };
    });
  };
  const columns = places(width, left, across, photoWidth);
  const rows = places(height, top, down, photoHeight);
  let at = 0;
  for (const row of rows)
    for (const column of columns)
      for (let k = 0; k < 3; k++, at++) {
        const channel = channels === 'RGB' ? k : 2 - k;
        const pixel = (x: number, y: number) => data[4 * (y * photoWidth + x) + channel];
        const line = (y: number) => (1 - column.share) * pixel(column.from, y) + column.share * pixel(column.next, y);
        numbers[at] = (1 - row.share) * line(row.from) + row.share * line(row.next);
      }
  return numbers;
}

/** Softmax, of numbers that are not probabilities already: some files hold it, others leave it to the caller. */
export function probabilities(values: ArrayLike<number>): number[] {
  const numbers = Array.from(values);
  const total = numbers.reduce((sum, value) => sum + value, 0);
  if (numbers.every((value) => value >= 0) && Math.abs(total - 1) < 1e-3) return numbers;
  const largest = Math.max(...numbers);
  const weights = numbers.map((value) => Math.exp(value - largest));
  const whole = weights.reduce((sum, weight) => sum + weight);
  return weights.map((weight) => weight / whole);
}
