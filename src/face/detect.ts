import type { Backend, Numbers } from '../kernels/backend';
import type { Affine } from './align';
import { type Box, mergeBoxes, type ScoredBox } from './boxes';
import type { RawImage } from './image';
import { Network } from './network';
import { warpPhoto } from './warp';

export type DetectorName = 'tiny' | 'ssd';

/** A square of the photo, in its pixels, shown to the detector at `input` x `input` pixels. */
export interface View {
  left: number;
  top: number;
  side: number;
  input: number;
}

export interface DetectOptions {
  /** Faces the detector is less sure of are left out: 0 to 1, default 0.5. */
  minimumScore?: number;
  /** Look closer as well, for faces under about a twentieth of the photo: several times slower. Default false. */
  smallFaces?: boolean;
  signal?: AbortSignal | undefined;
}

/** What sets the two detectors apart: their network, where it looks, and how its numbers become boxes. */
interface Architecture {
  network: 'tiny_face_detector' | 'ssd_mobilenetv1';
  /** Side of the whole photo in the first look; tiny takes any multiple of 32, SSD only 512. */
  input: number;
  /** Boxes that overlap by more than this are one face. */
  overlap: number;
  /** Closer looks for small faces, each a set of views of one input side. */
  closer(photo: RawImage): View[][];
  /** Other looks, one after another, where the first finds nobody. */
  retries(photo: RawImage): View[][];
  /** Boxes relative to the view (0 to 1) with a score above `minimumScore`. */
  decode(network: Network, outputs: readonly Numbers[], minimumScore: number): ScoredBox[];
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Width and height of each anchor, in cells. */
const TINY_ANCHORS = [
  [1.603231, 2.094468],
  [6.041143, 7.080126],
  [2.882459, 3.518061],
  [4.266906, 5.178857],
  [9.041765, 10.66308],
];

// YOLOv2 (Redmon and Farhadi 2016, section 2): centre = (cell + sigmoid(t)) / cells, size = e^t * anchor / cells.
function decodeTiny(_: Network, [output]: readonly Numbers[], minimumScore: number): ScoredBox[] {
  const cells = Math.sqrt(output.length / (5 * TINY_ANCHORS.length));
  const found: ScoredBox[] = [];
  for (let i = 0; i < cells; i++)
    for (let j = 0; j < cells; j++)
      TINY_ANCHORS.forEach(([anchorWidth, anchorHeight], k) => {
        const at = ((i * cells + j) * TINY_ANCHORS.length + k) * 5;
        const score = sigmoid(output[at + 4]);
        if (score <= minimumScore) return;
        const width = (Math.exp(output[at + 2]) * anchorWidth) / cells;
        const height = (Math.exp(output[at + 3]) * anchorHeight) / cells;
        const x = (j + sigmoid(output[at])) / cells;
        const y = (i + sigmoid(output[at + 1])) / cells;
        found.push({ box: [x - width / 2, y - height / 2, width, height], score });
      });
  return found;
}

// SSD (Liu et al. 2016, section 2.2) with variances 0.1 and 0.2: centre = t / 10 * anchor + its centre, size = e^(t / 5) * anchor.
function decodeSsd(network: Network, [encodings, logits]: readonly Numbers[], minimumScore: number): ScoredBox[] {
  const anchors = network.values('Output/extra_dim'); // top, left, bottom, right of each
  const found: ScoredBox[] = [];
  for (let k = 0; 4 * k < encodings.length; k++) {
    const score = sigmoid(logits[3 * k + 1]);
    if (score <= minimumScore) continue;
    const [top, left, bottom, right] = anchors.subarray(4 * k, 4 * k + 4);
    const [ty, tx, th, tw] = encodings.subarray(4 * k, 4 * k + 4);
    const width = Math.exp(tw / 5) * (right - left);
    const height = Math.exp(th / 5) * (bottom - top);
    const x = (tx / 10) * (right - left) + (left + right) / 2;
    const y = (ty / 10) * (bottom - top) + (top + bottom) / 2;
    found.push({ box: [x - width / 2, y - height / 2, width, height], score });
  }
  return found;
}

const longestSide = ({ width, height }: RawImage) => Math.max(width, height);

const wholePhoto = (photo: RawImage, input: number): View[] => [{ left: 0, top: 0, side: longestSide(photo), input }];

/** Squares of one size that cover the photo and overlap by a quarter at least. */
export function tiles({ width, height }: RawImage, side: number, input: number): View[] {
  const places = (length: number): number[] => {
    if (length <= side) return [0];
    const count = Math.ceil((length - side) / (0.75 * side)) + 1;
    return Array.from({ length: count }, (_, k) => (k * (length - side)) / (count - 1));
  };
  return places(height).flatMap((top) => places(width).map((left) => ({ left, top, side, input })));
}

const ARCHITECTURES: Record<DetectorName, Architecture> = {
  tiny: {
    network: 'tiny_face_detector',
    input: 416,
    overlap: 0.5,
    closer: (photo) => [wholePhoto(photo, 800), wholePhoto(photo, 1344)],
    retries: (photo) => [224, 608, 320, 800].map((input) => wholePhoto(photo, input)),
    decode: decodeTiny,
  },
  ssd: {
    network: 'ssd_mobilenetv1',
    input: 512,
    overlap: 0.4,
    // At the photo's own resolution, or at a quarter of its longest side where that is more: at most about 25 tiles.
    closer: (photo) => [tiles(photo, Math.max(512, longestSide(photo) / 4), 512)],
    retries: (photo) => [
      tiles(photo, 0.6 * longestSide(photo), 512),
      [{ ...wholePhoto(photo, 512)[0], side: 2 * longestSide(photo) }],
    ],
    decode: decodeSsd,
  },
};

export class Detector {
  readonly #backend: Backend;
  readonly #network: Network;
  readonly #architecture: Architecture;

  private constructor(backend: Backend, network: Network, architecture: Architecture) {
    this.#backend = backend;
    this.#network = network;
    this.#architecture = architecture;
  }

  static async open(backend: Backend, name: DetectorName, weights?: URL): Promise<Detector> {
    const architecture = ARCHITECTURES[name];
    return new Detector(backend, await Network.open(backend, architecture.network, weights), architecture);
  }

  prepare = (): Promise<void> => this.#network.prepare(this.#architecture.input);

  /** All faces of a photo, the surest first. */
  async detect(photo: RawImage, options: DetectOptions = {}): Promise<ScoredBox[]> {
    const { minimumScore = 0.5, smallFaces = false, signal } = options;
    const { input, overlap, closer, retries } = this.#architecture;
    const found: ScoredBox[] = [];
    for (const views of [wholePhoto(photo, input), ...(smallFaces ? closer(photo) : [])]) {
      signal?.throwIfAborted();
      found.push(...(await this.look(photo, views, minimumScore)));
    }
    for (const views of retries(photo)) {
      if (found.length > 0) break;
      signal?.throwIfAborted();
      found.push(...(await this.look(photo, views, minimumScore)));
    }
    return mergeBoxes(found, overlap);
  }

  /** Every box above the score in any of the views, in pixels of the photo, not merged. All views have one input side. */
  async look(photo: RawImage, views: readonly View[], minimumScore: number): Promise<ScoredBox[]> {
    if (views.length === 0) return [];
    const outputs = await this.#network.run(views.length, views[0].input, (k) =>
      warpPhoto(this.#backend, photo, viewToPhoto(views[k]), views[k].input),
    );
    return outputs.flatMap((numbers, k) => {
      const { left, top, side } = views[k];
      return this.#architecture
        .decode(this.#network, numbers, minimumScore)
        .map(({ box: [x, y, width, height], score }) => ({
          box: [left + x * side, top + y * side, width * side, height * side] satisfies Box,
          score,
        }));
    });
  }

  dispose = (): Promise<void> => this.#network.dispose();
}

/** Pixel j of the view covers [j, j + 1) / input of its side; its centre is mapped to the photo's pixel centres. */
function viewToPhoto({ left, top, side, input }: View): Affine {
  const step = side / input;
  return [step, 0, left + step / 2 - 0.5, 0, step, top + step / 2 - 0.5];
}
