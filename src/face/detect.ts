import type { Backend, Numbers } from '../kernels/backend';
import type { Affine, Point } from './align';
import { type Box, mergeBoxes, type ScoredBox, tilePlaces } from './boxes';
import { type FileSource, readSource } from './file-source';
import { HaarDetector } from './haar';
import { parseCascade } from './haar-cascade';
import type { RawImage } from './image';
import { Network, type NetworkOptions } from './network';
import { OnnxDetector, type OnnxDetectorFile } from './onnx-detector';
import { warpPhoto } from './warp';

/** Networks, and the classic cascade to compare them with. */
export type DetectorName = DetectorNetwork | 'haar';
export type DetectorNetwork = 'tiny' | 'ssd';

/** One of this package's, or a network of an ONNX file. */
export type DetectorChoice = DetectorName | OnnxDetectorFile;

export interface FoundFace extends ScoredBox {
  /**
   * Image-left eye, image-right eye, tip of the nose, image-left and image-right corner of the mouth, in pixels of the
   * photo, of a detector that finds them along with the box.
   */
  points?: Point[];
}

/** What finds faces in photos. */
export interface FaceDetector {
  /** Whether every face comes with its five points. */
  readonly hasPoints: boolean;
  /** Compiles what the first look needs. */
  prepare(): Promise<void>;
  /** All faces of a photo, the surest first, each from forehead to chin and ear to ear. */
  detect(photo: RawImage, options?: DetectOptions): Promise<FoundFace[]>;
  dispose(): Promise<void>;
}

export interface OpenDetectorOptions extends NetworkOptions {
  /** OpenCV's cascade file, for 'haar'. */
  cascade?: FileSource | undefined;
}

/** @throws Error in one sentence when 'haar' is given no cascade, or a file cannot be read or is not what it should be */
export async function openDetector(
  backend: Backend,
  name: DetectorChoice,
  { cascade, ...options }: OpenDetectorOptions = {},
): Promise<FaceDetector> {
  if (typeof name === 'object') return OnnxDetector.open(backend, name, options);
  if (name !== 'haar') return Detector.open(backend, name, options);
  if (cascade === undefined)
    throw new Error('the detector haar needs a cascade file of OpenCV, such as haarcascade_frontalface_alt2.xml');
  const { bytes, name: file } = await readSource(cascade, 'the cascade');
  return new HaarDetector(await parseCascade(new TextDecoder().decode(bytes), file));
}

/** A square of the photo, in its pixels, shown to the detector at `input` x `input` pixels. */
export interface View {
  left: number;
  top: number;
  side: number;
  input: number;
}

/** Views of one input side, and the sizes of faces that are believed when seen in them, in pixels of the input. */
interface Look {
  views: View[];
  smallest?: number;
  largest?: number;
}

export interface DetectOptions {
  /**
   * Faces the detector is less sure of are left out: 0 to 1. Default 0.5, and where none is that sure, the surest one
   * from 0.3 on.
   */
  minimumScore?: number;
  /** Look closer as well, for faces that are small in the photo: about 8 times slower (ssd: 16). Default false. */
  smallFaces?: boolean;
  signal?: AbortSignal | undefined;
}

/** What sets the two detectors apart: their network, where it looks, and how its numbers become boxes. */
interface Architecture {
  network: 'tiny_face_detector' | 'ssd_mobilenetv1';
  /** Looks that every photo gets. As the side of its input tiny takes any multiple of 32, SSD only 512. */
  first(photo: RawImage): Look[];
  /** Closer looks, for small faces. */
  closer(photo: RawImage): Look[];
  /** Other looks, one after another, where those before found nobody. */
  retries(photo: RawImage): Look[];
  /** Boxes relative to the view (0 to 1) with a score above `minimumScore`. */
  decode(network: Network, outputs: readonly Numbers[], minimumScore: number): ScoredBox[];
  /** From the box as the network was taught to draw it to one from forehead to chin, ear to ear. */
  tighten(box: Box): Box;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** How sure a face must be, unless the caller says. */
const SURE = 0.5;
/** Where nobody is, in any look, the surest face counts from here on: covered and turned ones are less sure. */
const NEARLY_SURE = 0.3;

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

/** The photo in the middle of a square 1.4 times as large, for a face that fills it or is cut by its edge. */
function withMargin(photo: RawImage, input: number): View[] {
  const side = 1.4 * longestSide(photo);
  return [{ left: (photo.width - side) / 2, top: (photo.height - side) / 2, side, input }];
}

/** Squares of one size that cover the photo and overlap by a quarter at least. */
export function tiles({ width, height }: RawImage, side: number, input: number): View[] {
  return tilePlaces(height, side).flatMap((top) => tilePlaces(width, side).map((left) => ({ left, top, side, input })));
}

const ARCHITECTURES: Record<DetectorNetwork, Architecture> = {
  tiny: {
    network: 'tiny_face_detector',
    // It knows faces of about 60 to 200 pixels best. A portrait's are too large for it at 416, and cost little at 192.
    first: (photo) => [{ views: wholePhoto(photo, 416) }, { views: wholePhoto(photo, 192), smallest: 56 }],
    closer: (photo) => [
      { views: wholePhoto(photo, 800), largest: 250 },
      { views: wholePhoto(photo, 1344), largest: 200 },
    ],
    retries: (photo) => [
      { views: withMargin(photo, 192) },
      ...[160, 128, 320, 224, 608, 800].map((input) => ({ views: wholePhoto(photo, input) })),
      ...[128, 160, 224, 320, 416].map((input) => ({ views: withMargin(photo, input) })),
    ],
    decode: decodeTiny,
    // Measured against the boxes of WIDER FACE: its own are 1.4 times as wide, and lower by a twentieth.
    tighten: ([x, y, width, height]) => resized([x + 0.02 * width, y - 0.05 * height, width, height], 0.7, 1.05),
  },
  ssd: {
    network: 'ssd_mobilenetv1',
    first: (photo) => [{ views: wholePhoto(photo, 512) }],
    // At the photo's own resolution, or at a quarter of its longest side where that is more: at most about 25 tiles.
    closer: (photo) => [{ views: tiles(photo, Math.max(512, longestSide(photo) / 4), 512) }],
    retries: (photo) => [{ views: tiles(photo, 0.6 * longestSide(photo), 512) }, { views: withMargin(photo, 512) }],
    decode: decodeSsd,
    tighten: (box) => box,
  },
};

/** A box about the same centre, its sides multiplied. */
const resized = ([x, y, width, height]: Box, wider: number, higher: number): Box => [
  x + (width - wider * width) / 2,
  y + (height - higher * height) / 2,
  wider * width,
  higher * height,
];

export class Detector implements FaceDetector {
  readonly hasPoints = false;
  readonly #backend: Backend;
  readonly #network: Network;
  readonly #architecture: Architecture;

  private constructor(backend: Backend, network: Network, architecture: Architecture) {
    this.#backend = backend;
    this.#network = network;
    this.#architecture = architecture;
  }

  static async open(backend: Backend, name: DetectorNetwork, options?: NetworkOptions): Promise<Detector> {
    const architecture = ARCHITECTURES[name];
    return new Detector(backend, await Network.open(backend, architecture.network, options), architecture);
  }

  /** Compiles what the first look needs. */
  async prepare(): Promise<void> {
    const looks = this.#architecture.first({ width: 1, height: 1, data: new Uint8Array(4) });
    await Promise.all(looks.map(({ views: [{ input }] }) => this.#network.prepare(input)));
  }

  /**
   * All faces of a photo, the surest first, each from forehead to chin and ear to ear.
   * Where the first look finds nobody, others follow before it gives up, and then the surest face that is not quite so sure.
   */
  async detect(photo: RawImage, options: DetectOptions = {}): Promise<ScoredBox[]> {
    const { minimumScore = SURE, smallFaces = false, signal } = options;
    const { first, closer, retries } = this.#architecture;
    const looks = [...first(photo), ...(smallFaces ? closer(photo) : [])];
    const lowest = options.minimumScore ?? NEARLY_SURE;
    const isSure = ({ score }: ScoredBox) => score > minimumScore;
    const found: ScoredBox[] = [];
    for (const look of looks) found.push(...(await this.#look(photo, look, lowest, signal)));
    for (const look of retries(photo)) {
      if (found.some(isSure)) break;
      found.push(...(await this.#look(photo, look, lowest, signal)));
    }
    const sure = found.filter(isSure);
    if (sure.length === 0) return mergeBoxes(found, true).slice(0, 1);
    return mergeBoxes(sure, looks.length > 1);
  }

  /** Every box above the score in any view of a look, in pixels of the photo, not merged. */
  async #look(photo: RawImage, look: Look, minimumScore: number, signal?: AbortSignal): Promise<ScoredBox[]> {
    const { views, smallest = 0, largest = Number.POSITIVE_INFINITY } = look;
    const { decode, tighten } = this.#architecture;
    const view = (k: number) => warpPhoto(this.#backend, photo, viewToPhoto(views[k]), views[k].input);
    const outputs = await this.#network.run(views.length, views[0].input, view, signal);
    return outputs.flatMap((numbers, k) => {
      const { left, top, side, input } = views[k];
      return decode(this.#network, numbers, minimumScore)
        .filter(({ box: [, , width, height] }) => {
          const size = Math.max(width, height) * input;
          return size >= smallest && size <= largest;
        })
        .map(({ box: [x, y, width, height], score }) => ({
          box: tighten([left + x * side, top + y * side, width * side, height * side]),
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
