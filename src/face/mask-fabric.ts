import type { Random } from '../tensor/random';
import type { MaskKind, MaskOutline, MaskWearing } from './mask-shapes';
import { type Colour, darker, mix } from './synthetic-paint';

/*
 * What a mask is made of: its colours, and its relief of folds, seams and threads. All of it is told of single places, for a
 * picture of any size: whatever is finer than a pixel of that picture is told by its mean.
 */

export const MASK_PATTERNS = ['plain', 'stripes', 'checks', 'dots', 'flowers', 'mottled'] as const;
export type MaskPattern = (typeof MASK_PATTERNS)[number];

/** A place on a mask. Lengths are the head's own, see mask-geometry.ts. */
export interface Place {
  x: number;
  v: number;
  /** From the left (-1) to the right (1), and from the upper (0) to the lower edge (1). */
  s: number;
  t: number;
  /** The way over the cloth from the middle to here. */
  arc: number;
  /** How far it is to the upper and to the lower edge, and to the nearest, the sides included. */
  fromTop: number;
  fromBottom: number;
  fromEdge: number;
  /** What a pixel of the picture covers here, across and down. */
  wide: number;
  high: number;
}

/** What is seen of a place. */
export interface Cloth {
  red: number;
  green: number;
  blue: number;
  /** How steeply the relief rises to the right and down, above what the face itself does. */
  risesRight: number;
  risesDown: number;
  /** The share of light that folds leave. */
  open: number;
}

/** What a mask looks like and how it is worn; the same style on the same face is the same picture. */
export interface MaskStyle {
  kind: MaskKind;
  wearing: MaskWearing;
  /** Red, green and blue, 0 to 1. */
  colour: Colour;
  pattern: MaskPattern;
  /** The second colour of a pattern. */
  ink: Colour;
  /** Of how it sits, its folds, and the grain of the picture. */
  seed: number;
}

/** Writes into `cloth` what a mask shows at a place. */
export type Fabric = (place: Place, cloth: Cloth) => void;

const METAL: Colour = [0.72, 0.73, 0.75];

export function fabricOf(style: MaskStyle, outline: MaskOutline, random: Random): Fabric {
  const noise = new Noise(random);
  const pattern = patternOf(style, noise, random);
  const wrinkles = wrinklesOf(style, random);
  const details = DETAILS[style.kind](style, outline, noise, random);
  return (place, cloth) => {
    cloth.risesRight = 0;
    cloth.risesDown = 0;
    cloth.open = 1;
    pattern(place, cloth);
    wrinkles(place, cloth);
    details(place, cloth);
  };
}

/** Random numbers on a lattice, 0 to 1, and smoothly between its points; it repeats after 32. */
class Noise {
  readonly #values: Float32Array;

  constructor(random: Random) {
    this.#values = Float32Array.from({ length: 1024 }, () => random.next());
  }

  cell(i: number, j: number): number {
    return this.#values[((j & 31) << 5) | (i & 31)];
  }

  at(x: number, y: number): number {
    const i = Math.floor(x);
    const j = Math.floor(y);
    const u = ease(x - i);
    const v = ease(y - j);
    const upper = this.cell(i, j) + u * (this.cell(i + 1, j) - this.cell(i, j));
    const lower = this.cell(i, j + 1) + u * (this.cell(i + 1, j + 1) - this.cell(i, j + 1));
    return upper + v * (lower - upper);
  }
}

const ease = (u: number) => u * u * (3 - 2 * u);
const clamp = (value: number) => Math.max(0, Math.min(1, value));

/** The share of a pixel of some size that lies beyond an edge `distance` away; above 0 is inside. */
export const coverage = (distance: number, size: number): number => clamp(0.5 + distance / size);

/** How much is left of what repeats after `period` in pixels of some size: nothing where two make one period. */
const resolved = (period: number, size: number): number => clamp(2 - (2.5 * size) / period);

function put(cloth: Cloth, [red, green, blue]: Colour) {
  cloth.red = red;
  cloth.green = green;
  cloth.blue = blue;
}

function blend(cloth: Cloth, [red, green, blue]: Colour, share: number) {
  cloth.red += share * (red - cloth.red);
  cloth.green += share * (green - cloth.green);
  cloth.blue += share * (blue - cloth.blue);
}

type Detail = (place: Place, cloth: Cloth) => void;

/** Colours, printed on the cloth. */
function patternOf({ colour, ink, pattern }: MaskStyle, noise: Noise, random: Random): Detail {
  const size = random.between(0.07, 0.18);
  const [cosine, sine] = direction(random);
  /** Half of each period is ink. */
  const band = (way: number, period: number, width: number) => {
    const u = way / period;
    const away = Math.abs(u - Math.floor(u) - 0.5) * period;
    return 0.5 + (coverage(period / 4 - away, width) - 0.5) * resolved(period, width);
  };
  switch (pattern) {
    case 'plain':
      return (_, cloth) => put(cloth, colour);
    case 'stripes':
      return ({ arc, v, wide, high }, cloth) => {
        put(cloth, colour);
        blend(cloth, ink, band(arc * cosine + v * sine, size, Math.abs(cosine) * wide + Math.abs(sine) * high));
      };
    case 'checks':
      return ({ arc, v, wide, high }, cloth) => {
        put(cloth, colour);
        blend(cloth, ink, (band(arc, size, wide) + band(v, size, high)) / 2);
      };
    case 'dots':
      return ({ arc, v, wide, high }, cloth) => {
        const row = Math.round(v / (0.5 * size));
        const shift = row & 1 ? 0.5 : 0;
        const column = Math.round(arc / size - shift) + shift;
        const away = Math.hypot(arc - column * size, v - row * 0.5 * size);
        const radius = 0.22 * size;
        const [width, mean] = [(wide + high) / 2, 0.3];
        put(cloth, colour);
        blend(cloth, ink, mean + (coverage(radius - away, width) - mean) * resolved(size, width));
      };
    case 'flowers': {
      const middle = mix(ink, [1, 0.85, 0.3], 0.7);
      const leaf = darker(mix(colour, [0.25, 0.5, 0.25], 0.6), 0.9);
      const cell = 1.3 * size;
      return ({ arc, v, wide, high }, cloth) => {
        const [i, j] = [Math.floor(arc / cell), Math.floor(v / cell)];
        const [own, other] = [noise.cell(i, j), noise.cell(i + 31, j + 17)];
        const radius = cell * (0.22 + 0.2 * own);
        const [dx, dv] = [
          arc - cell * (i + 0.5 + 0.3 * (other - 0.5)),
          v - cell * (j + 0.5 + 0.3 * (noise.cell(i + 7, j + 41) - 0.5)),
        ];
        const away = Math.hypot(dx, dv);
        const petals = Math.cos(5 * (Math.atan2(dv, dx) + 6.28 * other));
        const [width, share] = [(wide + high) / 2, resolved(cell, (wide + high) / 2)];
        put(cloth, colour);
        const green = coverage(0.16 * cell - Math.hypot(dx - 0.4 * cell * (other - 0.5), dv + 0.36 * cell), width);
        blend(cloth, leaf, share * green);
        blend(cloth, ink, 0.3 + (coverage(radius * (0.7 + 0.3 * petals) - away, width) - 0.3) * share);
        blend(cloth, middle, share * coverage(0.3 * radius - away, width));
      };
    }
    case 'mottled': {
      const third = mix(darker(colour, 0.6), darker(ink, 0.8), 0.5);
      return ({ arc, v, wide, high }, cloth) => {
        const width = (wide + high) / 2;
        const [x, y] = [arc / size, v / size];
        const first = noise.at(x, y) + 0.5 * noise.at(2.3 * x + 9, 2.3 * y);
        const second = noise.at(x + 20, 1.3 * y + 7) + 0.5 * noise.at(2.1 * x, 2.1 * y + 30);
        const blur = 0.04 + (2 * width) / size;
        put(cloth, colour);
        blend(cloth, ink, coverage(first - 0.8, blur));
        blend(cloth, third, coverage(second - 0.95, blur));
      };
    }
  }
}

const direction = (random: Random): [number, number] => {
  const angle = (random.below(4) * Math.PI) / 4;
  return [Math.cos(angle), Math.sin(angle)];
};

/** Soft folds, as ripples along lines that are bent themselves. Under the chin a mask is crumpled. */
function wrinklesOf({ kind, wearing }: MaskStyle, random: Random): Detail {
  const stiffness = { surgical: 0.7, cloth: 1, kn95: 0.4, n95: 0.08 }[kind];
  const strength = stiffness * (wearing === 'chin' ? 0.5 : wearing === 'nose' ? 0.3 : 0.22) * random.between(0.5, 1.3);
  const waves = Array.from({ length: 4 }, (_, k) => {
    const angle = random.between(-0.6, 0.6) + (k % 2 === 0 ? 0.9 : -0.9);
    const rate = random.between(6, 16) * (wearing === 'chin' ? 1.5 : 1);
    return {
      x: rate * Math.cos(angle),
      v: rate * Math.sin(angle),
      phase: random.between(0, 6.28),
      bend: random.between(0.5, 2),
      size: random.between(0.4, 1),
    };
  });
  const nose = wearing === 'full' ? { surgical: 0.1, cloth: 0.11, kn95: 0.04, n95: 0 }[kind] : 0;
  return ({ x, v, s }, cloth) => {
    // A tent over the nose: highest at its tip, gone at the mouth.
    const down = (v - 0.2) / (v < 0.2 ? 0.16 : 0.13);
    const tent = nose * Math.exp(-down * down - (x / 0.13) ** 2);
    cloth.risesRight -= (2 * x * tent) / 0.13 ** 2;
    cloth.risesDown -= (2 * down * tent) / (v < 0.2 ? 0.16 : 0.13);
    // The middle is stretched over nose and chin; folds gather towards the straps.
    const here = strength * (0.25 + 0.75 * s * s);
    const bent = Math.sin(5 * x - 4 * v);
    for (const wave of waves) {
      const slope = wave.size * here * Math.cos(wave.x * x + wave.v * v + wave.phase + wave.bend * bent);
      const length = Math.abs(wave.x) + Math.abs(wave.v);
      cloth.risesRight += (slope * wave.x) / length;
      cloth.risesDown += (slope * wave.v) / length;
    }
  };
}

/** A dark line with a lit lip above it, as a fold throws it; `away` below the line. */
function fold(away: number, depth: number, width: number, pixel: number, cloth: Cloth) {
  const broad = Math.max(width, 0.8 * pixel);
  if (Math.abs(away) > 6 * broad) return;
  const share = (depth * width) / broad;
  const below = (away - 0.5 * broad) / (away > 0.5 * broad ? 2.2 * broad : broad);
  const above = (away + 1.6 * broad) / (1.3 * broad);
  cloth.open *= (1 - share * Math.exp(-below * below)) * (1 + 0.35 * share * Math.exp(-above * above));
}

/** A line that is pressed or sewn into the cloth, `away` from here. */
function seam(away: number, depth: number, width: number, pixel: number, cloth: Cloth) {
  const broad = Math.max(width, 0.7 * pixel);
  if (Math.abs(away) > 3 * broad) return;
  cloth.open *= 1 - ((depth * width) / broad) * Math.exp(-((away / broad) ** 2));
}

type Details = (style: MaskStyle, outline: MaskOutline, noise: Noise, random: Random) => Detail;

const DETAILS: Readonly<Record<MaskKind, Details>> = {
  /** Non-woven, with three folds across, a hem all around and a wire over the nose. */
  surgical: ({ wearing }, _, noise, random) => {
    const heights = [0.3, 0.5, 0.7].map((t) => t + random.between(-0.03, 0.03));
    const depth = random.between(0.16, 0.34);
    const hem = random.between(0.03, 0.045);
    const wire = wearing === 'chin' ? 0 : random.between(0.5, 1);
    const crumpled = wearing === 'chin' ? 0.08 : 0.02;
    return (place, cloth) => {
      const { s, t, x, fromTop, fromBottom, fromEdge, high } = place;
      const length = fromTop + fromBottom;
      const sag = crumpled * (noise.at(3 * s + 5, 2) - 0.5);
      for (const height of heights) fold((t - height - sag) * length, depth, 0.012, high, cloth);
      seam(fromTop - hem, 0.12, 0.007, high, cloth);
      seam(fromBottom - hem, 0.12, 0.007, high, cloth);
      const side = fromEdge < Math.min(fromTop, fromBottom) ? fromEdge - 0.8 * hem : 1;
      seam(side, 0.16, 0.008, place.wide, cloth);
      if (Math.abs(x) < 0.2) ridge(fromTop - 0.6 * hem, wire * 0.25 * coverage(0.18 - Math.abs(x), 0.05), 0.012, cloth);
      threads(place, noise, 70, 0.045, cloth);
    };
  },
  /** Woven, often with a seam down the middle, always with a sewn hem. */
  cloth: (_, __, noise, random) => {
    const hasSeam = random.next() < 0.55;
    const hem = random.between(0.025, 0.045);
    const period = random.between(0.009, 0.016);
    return (place, cloth) => {
      const { x, v, arc, fromEdge, wide, high } = place;
      if (hasSeam) {
        const bent = x - 0.01 * Math.sin(5 * v);
        seam(bent, 0.3, 0.006, wide, cloth);
        cloth.risesRight -= 0.5 * Math.sign(bent) * Math.exp(-Math.abs(bent) / 0.1);
      }
      seam(fromEdge - hem, 0.2, 0.005, high, cloth);
      ridge(fromEdge - 0.5 * hem, 0.12, hem, cloth);
      const share = resolved(period, Math.max(wide, high));
      if (share > 0) cloth.open *= 1 + 0.07 * share * Math.sin((6.28 * arc) / period) * Math.sin((6.28 * v) / period);
      threads(place, noise, 55, 0.05, cloth);
    };
  },
  /** Folded down the middle, so that it stands off like a beak; welded at the edges. */
  kn95: (_, { side }, noise, random) => {
    const sharp = random.between(0.5, 1);
    const clip = random.next() < 0.5;
    return (place, cloth) => {
      const { x, s, t, v, fromTop, fromEdge, wide, high } = place;
      cloth.risesRight -=
        sharp * Math.sign(x) * (0.35 * Math.exp(-Math.abs(x) / 0.05) + 0.28 * Math.exp(-Math.abs(x) / 0.22));
      seam(x, 0.16 * sharp, 0.006, wide, cloth);
      const depth = 0.12 * dotted(v + x);
      seam(fromEdge - 0.022, depth, 0.005, high, cloth);
      seam(fromEdge - 0.042, depth, 0.005, high, cloth);
      // Two welded lines run from the bridge of the nose outwards and back to the chin.
      const bow = 0.62 - 0.5 * (2 * t - 1) ** 2;
      seam((Math.abs(s) - bow) * side, 0.1, 0.006, wide, cloth);
      if (clip) metal(x, fromTop, 0.16, place, cloth);
      threads(place, noise, 70, 0.035, cloth);
    };
  },
  /** A moulded cup with pressed rings, a metal clip over the nose and a valve. */
  n95: (_, __, noise, random) => {
    const valve = {
      x: random.between(-0.02, 0.02),
      t: random.between(0.52, 0.64),
      radius: random.between(0.085, 0.115),
    };
    const isRound = random.next() < 0.5;
    const plastic: Colour = random.next() < 0.6 ? [0.86, 0.86, 0.85] : [0.45, 0.5, 0.58];
    const ring = random.between(0.05, 0.08);
    return (place, cloth) => {
      const { x, t, fromTop, fromBottom, fromEdge, high, wide } = place;
      fold(ring - fromEdge, 0.16, 0.012, high, cloth);
      cloth.risesDown += 0.5 * Math.exp(-fromTop / 0.07) - 0.45 * Math.exp(-fromBottom / 0.07);
      seam((t - 0.28) * (fromTop + fromBottom), 0.12, 0.01, high, cloth);
      seam((t - 0.8) * (fromTop + fromBottom), 0.12, 0.01, high, cloth);
      metal(x, fromTop, 0.19, place, cloth);
      threads(place, noise, 80, 0.04, cloth);
      const [dx, dv] = [x - valve.x, (t - valve.t) * (fromTop + fromBottom)];
      valveAt(dx, dv, valve.radius, isRound, plastic, wide, high, cloth);
    };
  },
};

/** Fibres and threads, too fine to be told apart: `rate` of them to 1. */
function threads({ arc, v, wide, high }: Place, noise: Noise, rate: number, strength: number, cloth: Cloth) {
  const share = resolved(1.5 / rate, Math.max(wide, high));
  if (share > 0) cloth.open *= 1 + strength * share * (2 * noise.at(rate * arc, rate * v) - 1);
  cloth.open *= 1 + 0.5 * strength * (2 * noise.at(9 * arc + 3, 9 * v) - 1);
}

/** Raised along a line below the upper edge: lit above, shaded below. */
function ridge(away: number, height: number, width: number, cloth: Cloth) {
  if (Math.abs(away) > 3 * width) return;
  cloth.risesDown -= ((2 * height * away) / width) * Math.exp(-((away / width) ** 2));
}

const dotted = (way: number): number => 0.6 + 0.4 * Math.sign(Math.sin(way * 120));

/** The clip over the nose: a strip along the upper edge. */
function metal(x: number, fromTop: number, reach: number, { high, wide }: Place, cloth: Cloth) {
  const away = Math.min(fromTop - 0.022, 0.062 - fromTop);
  const share = coverage(away, high) * coverage(reach - Math.abs(x), wide);
  if (share <= 0) return;
  blend(cloth, METAL, 0.85 * share);
  cloth.risesDown -= share * (fromTop - 0.042) * 18;
}

/** A disc or a rounded square of plastic with slits, standing off the mask. */
function valveAt(
  x: number,
  v: number,
  radius: number,
  isRound: boolean,
  plastic: Colour,
  wide: number,
  high: number,
  cloth: Cloth,
) {
  const pixel = (wide + high) / 2;
  // Lamé's curve with the exponent 4 is a square with round corners.
  const awayOf = (dx: number, dv: number) => (isRound ? Math.hypot(dx, dv) : (dx ** 4 + dv ** 4) ** 0.25);
  const shade = awayOf(x, v - 0.25 * radius) - radius;
  if (shade > radius) return;
  cloth.open *= 1 - 0.3 * clamp(1 - shade / (0.35 * radius));
  const away = awayOf(x, v);
  const share = coverage(radius - away, pixel);
  if (share <= 0) return;
  blend(cloth, plastic, share);
  cloth.open += share * (1 - cloth.open);
  const rim = Math.exp(-(((away - 0.9 * radius) / Math.max(0.12 * radius, pixel)) ** 2));
  cloth.risesDown -= (share * 0.7 * rim * v) / radius;
  cloth.risesRight -= (share * 0.7 * rim * x) / radius;
  if (away > 0.75 * radius) return;
  const slit = Math.abs(((v / radius + 2) % 0.36) - 0.18) * radius;
  cloth.open *= 1 - 0.35 * share * resolved(0.36 * radius, high) * coverage(0.05 * radius - slit, high);
}
