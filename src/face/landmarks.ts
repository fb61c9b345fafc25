import type { Backend } from '../kernels/backend';
import { type Affine, apply, mirrored, type Point } from './align';
import type { Box } from './boxes';
import type { RawImage } from './image';
import { Network, type NetworkOptions } from './network';
import { warpPhoto } from './warp';

export type LandmarkName = 'full' | 'tiny';

const SIDE = 112;

/** The mirror twin of each of iBUG's 68 points: jaw, brows, nose, eyes, mouth. */
export const MIRROR_TWIN = [
  ...[16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
  ...[26, 25, 24, 23, 22, 21, 20, 19, 18, 17],
  ...[27, 28, 29, 30, 35, 34, 33, 32, 31],
  ...[45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40],
  ...[54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65],
];

/** Finds iBUG's 68 points of a face: jaw 0-16, brows 17-26, nose 27-35, eyes 36-47, mouth 48-67. */
export class LandmarkFinder {
  readonly #backend: Backend;
  readonly #network: Network;

  private constructor(backend: Backend, network: Network) {
    this.#backend = backend;
    this.#network = network;
  }

  static async open(backend: Backend, name: LandmarkName, options?: NetworkOptions): Promise<LandmarkFinder> {
    return new LandmarkFinder(
      backend,
      await Network.open(backend, name === 'full' ? 'face_landmark_68' : 'face_landmark_68_tiny', options),
    );
  }

  prepare = (): Promise<void> => this.#network.prepare(SIDE);

  /**
   * Each face is looked at as it is and in the mirror, and each point is the mean of the two: on labelled faces that
   * takes a fifth off the median error. More looks, shifted, larger or turned, took off nothing further.
   *
   * @param boxes of faces from forehead to chin and ear to ear, in pixels of the photo
   * @returns for each box 68 points in pixels of the photo
   */
  async find(photo: RawImage, boxes: readonly Box[], signal?: AbortSignal): Promise<Point[][]> {
    const crops = boxes.map(squareAround).flatMap((crop) => [crop, mirrored(crop, SIDE)]);
    const warp = (k: number) => warpPhoto(this.#backend, photo, crops[k], SIDE);
    const outputs = await this.#network.run(crops.length, SIDE, warp, signal);
    const seen = outputs.map(([numbers], k) =>
      MIRROR_TWIN.map((_, point) =>
        apply(crops[k], [numbers[2 * point] * SIDE - 0.5, numbers[2 * point + 1] * SIDE - 0.5]),
      ),
    );
    return boxes.map((_, face) =>
      MIRROR_TWIN.map((twin, point): Point => {
        const [x, y] = seen[2 * face][point];
        const [mirrorX, mirrorY] = seen[2 * face + 1][twin];
        return [(x + mirrorX) / 2, (y + mirrorY) / 2];
      }),
    );
  }

  dispose = (): Promise<void> => this.#network.dispose();
}

/**
 * From a pixel of the network's input to the photo. The network was trained on boxes of the tiny detector's kind, which
 * are larger than ours and lie lower; how much was chosen on labelled faces.
 */
function squareAround([x, y, width, height]: Box): Affine {
  const side = Math.max(width / 0.7, height / 1.05);
  const step = side / SIDE;
  const left = x + width / 2 - side / 2;
  const top = y + height / 2 + 0.09 * side - side / 2;
  return [step, 0, left + step / 2 - 0.5, 0, step, top + step / 2 - 0.5];
}
