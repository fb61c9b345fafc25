import type { Random } from '../tensor/random';
import type { Point } from './align';
import { HALF_WIDTH } from './mask-geometry';
import { smooth } from './synthetic-paint';

/*
 * The outlines of masks, in the head's own lengths (see mask-geometry.ts): x from the middle to the side, v from the middle of
 * the nose's bridge (0) over the tip of the nose (0.22), its base (0.32) and the mouth (0.5) to the bottom of the chin (1).
 */

export const MASK_KINDS = ['surgical', 'cloth', 'kn95', 'n95'] as const;
export type MaskKind = (typeof MASK_KINDS)[number];

/** Over nose and mouth; over the mouth, the nose free; under the chin, the whole face free. */
export const MASK_WEARINGS = ['full', 'nose', 'chin'] as const;
export type MaskWearing = (typeof MASK_WEARINGS)[number];

/** One half of a mask; the other is its mirror image. */
interface Outline {
  /** From the middle to the side; both end where the straps are sewn on. */
  top: readonly Point[];
  bottom: readonly Point[];
}

const SHAPES: Readonly<Record<MaskKind, Record<MaskWearing, Outline>>> = {
  surgical: {
    full: {
      top: [
        [0, 0.03],
        [0.12, 0.05],
        [0.25, 0.12],
        [0.42, 0.2],
        [0.6, 0.25],
      ],
      bottom: [
        [0, 1.06],
        [0.2, 1.02],
        [0.36, 0.92],
        [0.5, 0.78],
        [0.6, 0.62],
      ],
    },
    nose: {
      top: [
        [0, 0.39],
        [0.12, 0.385],
        [0.28, 0.36],
        [0.45, 0.33],
        [0.59, 0.32],
      ],
      bottom: [
        [0, 1.12],
        [0.2, 1.08],
        [0.36, 0.97],
        [0.5, 0.82],
        [0.59, 0.68],
      ],
    },
    chin: {
      top: [
        [0, 0.82],
        [0.15, 0.8],
        [0.3, 0.73],
        [0.44, 0.6],
        [0.56, 0.46],
      ],
      bottom: [
        [0, 1.2],
        [0.18, 1.16],
        [0.34, 1.03],
        [0.48, 0.85],
        [0.58, 0.66],
      ],
    },
  },
  cloth: {
    full: {
      top: [
        [0, 0.0],
        [0.12, 0.04],
        [0.26, 0.14],
        [0.42, 0.24],
        [0.58, 0.28],
      ],
      bottom: [
        [0, 1.07],
        [0.18, 1.03],
        [0.34, 0.92],
        [0.48, 0.73],
        [0.58, 0.52],
      ],
    },
    nose: {
      top: [
        [0, 0.37],
        [0.12, 0.38],
        [0.28, 0.37],
        [0.44, 0.35],
        [0.57, 0.35],
      ],
      bottom: [
        [0, 1.13],
        [0.18, 1.09],
        [0.34, 0.97],
        [0.48, 0.79],
        [0.57, 0.59],
      ],
    },
    chin: {
      top: [
        [0, 0.8],
        [0.15, 0.79],
        [0.3, 0.73],
        [0.44, 0.61],
        [0.55, 0.48],
      ],
      bottom: [
        [0, 1.22],
        [0.18, 1.17],
        [0.34, 1.02],
        [0.47, 0.83],
        [0.56, 0.62],
      ],
    },
  },
  kn95: {
    full: {
      top: [
        [0, -0.03],
        [0.1, 0.03],
        [0.22, 0.13],
        [0.42, 0.26],
        [0.6, 0.36],
      ],
      bottom: [
        [0, 1.08],
        [0.16, 1.04],
        [0.34, 0.92],
        [0.5, 0.72],
        [0.61, 0.54],
      ],
    },
    nose: {
      top: [
        [0, 0.35],
        [0.1, 0.37],
        [0.25, 0.39],
        [0.42, 0.4],
        [0.58, 0.4],
      ],
      bottom: [
        [0, 1.13],
        [0.16, 1.09],
        [0.34, 0.96],
        [0.49, 0.77],
        [0.59, 0.59],
      ],
    },
    chin: {
      top: [
        [0, 0.79],
        [0.15, 0.79],
        [0.3, 0.74],
        [0.44, 0.63],
        [0.56, 0.5],
      ],
      bottom: [
        [0, 1.24],
        [0.18, 1.19],
        [0.34, 1.04],
        [0.48, 0.85],
        [0.57, 0.64],
      ],
    },
  },
  n95: {
    full: {
      top: [
        [0, -0.02],
        [0.13, 0.02],
        [0.28, 0.13],
        [0.43, 0.29],
        [0.51, 0.45],
      ],
      bottom: [
        [0, 1.05],
        [0.2, 1.01],
        [0.36, 0.89],
        [0.47, 0.71],
        [0.52, 0.52],
      ],
    },
    nose: {
      top: [
        [0, 0.36],
        [0.13, 0.37],
        [0.28, 0.39],
        [0.42, 0.45],
        [0.5, 0.56],
      ],
      bottom: [
        [0, 1.14],
        [0.2, 1.1],
        [0.36, 0.98],
        [0.47, 0.8],
        [0.51, 0.64],
      ],
    },
    chin: {
      top: [
        [0, 0.8],
        [0.15, 0.8],
        [0.3, 0.76],
        [0.42, 0.68],
        [0.5, 0.6],
      ],
      bottom: [
        [0, 1.26],
        [0.18, 1.22],
        [0.34, 1.08],
        [0.46, 0.88],
        [0.51, 0.7],
      ],
    },
  },
};

/** How a mask sits: one of each kind is a little off from another, and from the middle. */
export interface Fit {
  /** Moves the upper and the lower edge down, in the middle. */
  top: number;
  bottom: number;
  /** Times as wide. */
  width: number;
  /** Moves the edges down to the right and up to the left: at x by tilt * x. */
  tilt: number;
}

export function randomFit(random: Random): Fit {
  return {
    top: 0.025 * random.normal(),
    bottom: 0.02 * Math.abs(random.normal()),
    width: 1 + 0.03 * random.normal(),
    tilt: 0.03 * random.normal(),
  };
}

/** Places that each edge of a mask is kept at, evenly spread from one side to the other. */
const PLACES = 65;
/** As far as the edges are told to the sides; no mask is so wide. */
const REACH = HALF_WIDTH;

/** A mask's edges: how high they lie at any x, and the x at which they meet, on either side. */
export class MaskOutline {
  readonly side: number;
  readonly #top: Float64Array;
  readonly #bottom: Float64Array;

  constructor(kind: MaskKind, wearing: MaskWearing, { top, bottom, width, tilt }: Fit) {
    const shape = SHAPES[kind][wearing];
    this.side = Math.min(REACH, shape.top[shape.top.length - 1][0] * width);
    const edge = (points: readonly Point[], down: number) => {
      const both = [
        ...points
          .slice(1)
          .map(([x, v]): Point => [-x, v])
          .reverse(),
        ...points,
      ];
      const curve = smooth(both, false);
      return Float64Array.from({ length: PLACES }, (_, k) => {
        const x = REACH * ((2 * k) / (PLACES - 1) - 1);
        // Towards the straps, which are sewn on where they are, the edges move less.
        return heightAt(curve, x / width) + down * (1 - (x / REACH) ** 2) + tilt * x;
      });
    };
    this.#top = edge(shape.top, top);
    this.#bottom = edge(shape.bottom, bottom);
  }

  top = (x: number): number => read(this.#top, x);
  bottom = (x: number): number => read(this.#bottom, x);
  topSlope = (x: number): number => slope(this.#top, x);
  bottomSlope = (x: number): number => slope(this.#bottom, x);

  /** From the highest to the lowest place of the edges. */
  get heights(): [number, number] {
    return [Math.min(...this.#top), Math.max(...this.#bottom)];
  }
}

const placeOf = (x: number): number => Math.max(0, Math.min(PLACES - 1.001, ((x / REACH + 1) / 2) * (PLACES - 1)));

function read(edge: Float64Array, x: number): number {
  const at = placeOf(x);
  const left = Math.floor(at);
  return edge[left] + (at - left) * (edge[left + 1] - edge[left]);
}

function slope(edge: Float64Array, x: number): number {
  const left = Math.floor(placeOf(x));
  return ((edge[left + 1] - edge[left]) * (PLACES - 1)) / (2 * REACH);
}

/** Of a curve that goes from left to right; beyond its ends it goes on as it came. */
function heightAt(curve: readonly Point[], x: number): number {
  let k = 1;
  while (k < curve.length - 1 && curve[k][0] < x) k++;
  const [[fromX, fromV], [toX, toV]] = [curve[k - 1], curve[k]];
  return fromV + ((x - fromX) / (toX - fromX)) * (toV - fromV);
}
