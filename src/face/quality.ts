import { ARCFACE_TEMPLATE, apply, chipTransform, invert, type Point } from './align';
import type { RawImage } from './image';

/** How well a face can be recognised, and why not; each 0 (useless) to 1. */
export interface FaceQuality {
  /** The geometric mean of the others. */
  score: number;
  /** 1 - exp(-d / 20) for d pixels of the photo between the eyes. */
  size: number;
  /** 1 - exp(-8 L / D): L the mean difference of a pixel from its four neighbours' mean, D the deviation of all. */
  sharpness: number;
  /**
   * exp(-(n / 0.35)^2): n is how far the tip of the nose is from the middle line and from its usual height, in distances
   * between the eyes. A face that looks at the camera has none.
   */
  pose: number;
  /** min(1, D / 40) times the share of pixels that are neither black (below 16) nor white (above 239), D as above. */
  light: number;
}

/** Of the template, in pixels of the chip: around the eyes, the nose and the mouth. */
const INNER = { left: 22, right: 90, top: 36, bottom: 104 };

/**
 * The quality of a face from its chip and its five points. Sizes that saturate were chosen by how photos look, not
 * fitted; that the score orders errors is measured, see `likeness evaluate lfw`.
 *
 * @param chip aligned to ARCFACE_TEMPLATE: 112x112
 * @param points five points in pixels of the photo
 */
export function faceQuality(chip: RawImage, points: readonly Point[]): FaceQuality {
  const [left, right] = points;
  const size = 1 - Math.exp(-Math.hypot(right[0] - left[0], right[1] - left[1]) / 20);
  const { deviation, roughness, exposed } = lookOf(chip);
  const sharpness = deviation > 0 ? 1 - Math.exp((-8 * roughness) / deviation) : 0;
  const light = Math.min(1, deviation / 40) * exposed;
  const pose = poseOf(points);
  return { score: (size * sharpness * pose * light) ** 0.25, size, sharpness, pose, light };
}

/** Grey statistics of the middle of a chip, 0 to 255. */
function lookOf({ data, width }: RawImage): { deviation: number; roughness: number; exposed: number } {
  const grey = (x: number, y: number) => {
    const at = 4 * (y * width + x);
    return 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
  };
  let [sum, squares, rough, exposed] = [0, 0, 0, 0];
  for (let y = INNER.top; y < INNER.bottom; y++)
    for (let x = INNER.left; x < INNER.right; x++) {
      const value = grey(x, y);
      sum += value;
      squares += value * value;
      if (value >= 16 && value <= 239) exposed++;
      rough += Math.abs(value - (grey(x - 1, y) + grey(x + 1, y) + grey(x, y - 1) + grey(x, y + 1)) / 4);
    }
  const count = (INNER.right - INNER.left) * (INNER.bottom - INNER.top);
  const mean = sum / count;
  return {
    deviation: Math.sqrt(Math.max(0, squares / count - mean * mean)),
    roughness: rough / count,
    exposed: exposed / count,
  };
}

/** Eyes and mouth say where the nose's tip belongs: a head that turns or nods takes it elsewhere. */
function poseOf(points: readonly Point[]): number {
  const template = ARCFACE_TEMPLATE.five;
  const toTemplate = invert(chipTransform(points, ARCFACE_TEMPLATE));
  const [x, y] = apply(toTemplate, points[2]);
  const eyes = template[1][0] - template[0][0];
  const away = Math.hypot(x - template[2][0], y - template[2][1]) / eyes;
  return Math.exp(-((away / 0.35) ** 2));
}
