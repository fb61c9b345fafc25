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
        [0, -0.03],
        [0.14, 0.01],
        [0.3, 0.11],
        [0.46, 0.26],
        [0.55, 0.44],
      ],
      bottom: [
        [0, 1.07],
        [0.22, 1.03],
        [0.39, 0.91],
        [0.51, 0.71],
        [0.56, 0.52],
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

/** Out from the ears to the mask's outermost line, by height: nose and chin push it out, and cups stand off the face. */
const DEPTHS: Readonly<Record<MaskWearing, readonly Point[]>> = {
  full: [
    [-0.15, 1],
    [0, 1.07],
    [0.12, 1.15],
    [0.24, 1.24],
    [0.36, 1.24],
    [0.55, 1.17],
    [0.75, 1.12],
    [0.95, 1.07],
    [1.05, 1],
    [1.3, 0.75],
  ],
  nose: [
    [0.3, 1.08],
    [0.42, 1.13],
    [0.55, 1.15],
    [0.75, 1.12],
    [0.95, 1.08],
    [1.1, 0.98],
    [1.3, 0.78],
  ],
  chin: [
    [0.4, 1],
    [0.8, 1.03],
    [0.95, 1.07],
    [1.08, 1.02],
    [1.3, 0.8],
  ],
};
const STANDS_OFF: Readonly<Record<MaskKind, number>> = { surgical: 0.02, cloth: 0.01, kn95: 0.07, n95: 0.09 };

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
  /** The highest and the lowest place of the edges. */
  readonly heights: readonly [number, number];
  readonly #top: Float64Array;
  readonly #bottom: Float64Array;
  readonly #depth: Float64Array;

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
    this.heights = [Math.min(...this.#top), Math.max(...this.#bottom)];
    const depths = smooth(DEPTHS[wearing], false);
    this.#depth = Float64Array.from({ length: PLACES }, (_, k) => {
      const t = k / (PLACES - 1);
      const [low, high] = this.heights;
      return heightAt(depths, low + t * (high - low)) + STANDS_OFF[kind] * Math.sin(Math.PI * t);
    });
  }

  /** D of the parabola that the mask is at a height, see mask-geometry.ts. */
  depth(v: number): number {
    const at = this.#depthPlace(v);
    const above = Math.floor(at);
    return this.#depth[above] + (at - above) * (this.#depth[above + 1] - this.#depth[above]);
  }

  /** How it grows downwards. */
  bulge(v: number): number {
    const above = Math.floor(this.#depthPlace(v));
    return ((this.#depth[above + 1] - this.#depth[above]) * (PLACES - 1)) / (this.heights[1] - this.heights[0]);
  }

  #depthPlace(v: number): number {
    const low = this.heights[0];
    return Math.max(0, Math.min(PLACES - 1.001, ((v - low) / (this.heights[1] - low)) * (PLACES - 1)));
  }

  top(x: number): number {
    return read(this.#top, x);
  }

  bottom(x: number): number {
    return read(this.#bottom, x);
  }

  topSlope(x: number): number {
    return slope(this.#top, x);
  }

  bottomSlope(x: number): number {
    return slope(this.#bottom, x);
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

/** A strap, from where it is sewn on to where the ear hides it. */
export interface Strap {
  /** Which side of the image. */
  side: 1 | -1;
  /** On the mask, as x and v. */
  from: Point;
  /** At the jaw's point of so many from the top, and so far beyond it and above. */
  to: { level: number; beyond: number; above: number };
  width: number;
}

/** Ear loops, or the bands of a cup, which go around the head. */
export function strapsOf(kind: MaskKind, outline: MaskOutline): Strap[] {
  return ([-1, 1] as const).flatMap((side): Strap[] => {
    const x = side * outline.side * 0.985;
    const [top, bottom] = [outline.top(x), outline.bottom(x)];
    const inset = 0.12 * (bottom - top);
    if (kind === 'n95')
      return [
        { side, from: [x, top + 0.3 * (bottom - top)], to: { level: 0, beyond: 0, above: 0.14 }, width: 0.035 },
        { side, from: [x, bottom - 0.2 * (bottom - top)], to: { level: 2.3, beyond: 0.02, above: 0 }, width: 0.035 },
      ];
    const width = kind === 'cloth' ? 0.03 : 0.022;
    return [
      { side, from: [x, top + inset], to: { level: 0.3, beyond: 0.03, above: 0 }, width },
      { side, from: [x, bottom - inset], to: { level: 1.9, beyond: 0.03, above: 0 }, width },
    ];
  });
}
