import type { Backend } from '../kernels/backend';
import { scale } from '../tensor/ops/arithmetic';
import { concat, slice } from '../tensor/ops/concat';
import { Tensor } from '../tensor/tensor';
import type { Affine, Point } from './align';
import { mergeBoxes, tilePlaces } from './boxes';
import type { DetectOptions, FaceDetector, FoundFace } from './detect';
import type { FileSource } from './file-source';
import type { RawImage } from './image';
import { ImageNetwork, type Size } from './image-network';
import type { NetworkOptions } from './network';
import { type Head, headOf } from './onnx-heads';
import { warpPhoto } from './warp';

/** A detector's network: SCRFD, YuNet, UltraFace or YOLO-face, told apart by its outputs. */
export interface OnnxDetectorFile {
  onnx: FileSource;
}

/** A part of the photo, in its pixels, shown on the whole input. */
interface Frame extends Size {
  left: number;
  top: number;
}

/** So many tiles at most lie along the longer side of a photo, where it is looked at closer. */
const TILES_ALONG = 4;

/** A face detector out of an ONNX file. */
export class OnnxDetector implements FaceDetector {
  readonly hasPoints: boolean;
  readonly #backend: Backend;
  readonly #network: ImageNetwork;
  readonly #head: Head;
  readonly #input: Size;

  private constructor(backend: Backend, network: ImageNetwork, head: Head, hasPoints: boolean) {
    this.hasPoints = hasPoints;
    this.#backend = backend;
    this.#network = network;
    this.#head = head;
    this.#input = sizeOf(network, head.usual);
  }

  /** @throws Error in one sentence when the file cannot be read, or is no detector of a kind that is known */
  static async open(
    backend: Backend,
    { onnx }: OnnxDetectorFile,
    { precision }: NetworkOptions = {},
  ): Promise<OnnxDetector> {
    const network = await ImageNetwork.open(backend, onnx, 'the detector', precision);
    try {
      if (network.input.channels !== 3)
        throw new Error(`${network.file}: looks at grey pictures; detectors see colours`);
      const outputs = await outputsOf(backend, network);
      const head = headOf(outputs, network.file);
      return new OnnxDetector(backend, network, head, head.hasPoints(outputs));
    } catch (error) {
      await network.dispose();
      throw error;
    }
  }

  prepare = (): Promise<void> => this.#network.prepare(this.#input);

  /**
   * All faces of a photo, the surest first, each from forehead to chin and ear to ear.
   * Where the first look finds nobody, others follow before it gives up: with a margin, and closer.
   */
  async detect(photo: RawImage, options: DetectOptions = {}): Promise<FoundFace[]> {
    const { minimumScore = 0.5, smallFaces = false, signal } = options;
    const whole = this.#whole(photo, 1);
    const longest = Math.max(whole.width / this.#input.width, whole.height / this.#input.height);
    const looks = [[whole], ...(smallFaces ? [this.#tiles(photo, Math.max(1, longest / TILES_ALONG))] : [])];
    const found: FoundFace[] = [];
    for (const frames of looks) found.push(...(await this.#look(photo, frames, minimumScore, signal)));
    for (const frames of [[this.#whole(photo, 1.4)], this.#tiles(photo, 0.6 * longest)]) {
      if (found.length > 0) break;
      found.push(...(await this.#look(photo, frames, minimumScore, signal)));
    }
    return mergeBoxes(found, looks.length > 1);
  }

  /** The whole photo, as the head wants it on its input, in the middle of so many times as much. */
  #whole({ width, height }: RawImage, wider: number): Frame {
    const { fit } = this.#head;
    const { width: across, height: down } = this.#input;
    const step = Math.max(width / across, height / down);
    const frame =
      fit === 'stretch'
        ? { width: wider * width, height: wider * height }
        : { width: wider * step * across, height: wider * step * down };
    if (fit === 'corner' && wider === 1) return { left: 0, top: 0, ...frame };
    return { left: (width - frame.width) / 2, top: (height - frame.height) / 2, ...frame };
  }

  /** Parts of the photo that cover it, at so many of its pixels for one of the input. */
  #tiles({ width, height }: RawImage, step: number): Frame[] {
    const tile = { width: step * this.#input.width, height: step * this.#input.height };
    return tilePlaces(height, tile.height).flatMap((top) =>
      tilePlaces(width, tile.width).map((left) => ({ left, top, ...tile })),
    );
  }

  /** Every face above the score in any frame, in pixels of the photo, not merged. */
  async #look(
    photo: RawImage,
    frames: readonly Frame[],
    minimumScore: number,
    signal?: AbortSignal,
  ): Promise<FoundFace[]> {
    const input = this.#input;
    const outputs = await this.#network.run(frames.length, input, (k) => this.#shown(photo, frames[k]), { signal });
    return outputs.flatMap((numbers, k) => {
      const { left, top, width, height } = frames[k];
      const [stepX, stepY] = [width / input.width, height / input.height];
      return this.#head.decode(numbers, input, minimumScore).map(({ box: [x, y, across, down], score, points }) => ({
        box: [left + x * stepX, top + y * stepY, across * stepX, down * stepY],
        score,
        // The networks were taught with labels times the scale: a pixel's number stands for its middle, as here.
        ...(points && { points: points.map(([px, py]): Point => [left + px * stepX, top + py * stepY]) }),
      }));
    });
  }

  /** [1, height, width, 3] as the network takes it. */
  #shown(photo: RawImage, { left, top, width, height }: Frame): Tensor {
    const { range, channels, filling } = this.#head;
    const input = this.#input;
    const [stepX, stepY] = [width / input.width, height / input.height];
    const toPhoto: Affine = [stepX, 0, left + stepX / 2 - 0.5, 0, stepY, top + stepY / 2 - 0.5];
    const bytes = warpPhoto(this.#backend, photo, toPhoto, input.width, input.height, filling);
    const [lowest, highest] = range;
    const numbers = scale(bytes, (highest - lowest) / 255, lowest);
    return channels === 'RGB'
      ? numbers
      : concat(
          [2, 1, 0].map((k) => slice(numbers, 3, k, 1)),
          3,
        );
  }

  dispose = (): Promise<void> => this.#network.dispose();
}

const sizeOf = ({ input }: ImageNetwork, usual: Size): Size => ({
  width: input.width ?? usual.width,
  height: input.height ?? usual.height,
});

const BLANK: Size = { width: 640, height: 640 };

/** The shapes of the outputs: as the file says, or where it leaves open what tells them apart, of an empty picture. */
async function outputsOf(backend: Backend, network: ImageNetwork): Promise<{ shape: readonly (number | null)[] }[]> {
  const isTold = network.outputs.every(
    ({ shape }) => shape.length > 0 && shape.at(-1) !== null && shape.at(1) !== null,
  );
  if (isTold) return [...network.outputs];
  const size = sizeOf(network, BLANK);
  const blank = () =>
    Tensor.from(backend, new Float32Array(3 * size.width * size.height), [1, size.height, size.width, 3]);
  const [outputs] = await network.run(1, size, blank);
  return outputs;
}
