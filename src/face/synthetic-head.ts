import type { Point } from './align';
import type { Person } from './synthetic';

/*
 * The geometry of a drawn head. Its own coordinates have the origin between the eyes, x to the right, y downwards and
 * z towards the viewer, in units of about half a head's width. A feature lies on an ellipsoid, the nose in front of it;
 * turning the head moves each point by its depth, and the contour of the head by that of the chin and the crown.
 */

/** How a head is turned, in radians: to the right of the picture, downwards. (Leaning is left to the camera.) */
export interface Pose {
  yaw: number;
  pitch: number;
}

/** What a face does in one photo. Each is 0 at rest; `blink` is 1 with the eyes shut. */
export interface Expression {
  smile: number;
  mouthOpen: number;
  browRaise: number;
  blink: number;
}

/** The depth of the ellipsoid. */
const DEPTH = 0.85;
/** The ends of a jaw's first and last landmark, at the ears, and the chin between. */
const JAW_POINTS = 17;

export class Head {
  readonly #person: Person;
  readonly #pose: Pose;
  readonly #expression: Expression;
  /** Below the eyes, in head units: where the chin ends. */
  readonly chin: number;

  constructor(person: Person, pose: Pose, expression: Expression) {
    this.#person = person;
    this.#pose = pose;
    this.#expression = expression;
    this.chin = person.chinHeight + 0.12 * expression.mouthOpen;
  }

  /** A point of the face, seen from the front, as the turned head shows it. */
  feature(x: number, y: number, forward = 0): Point {
    const { skullWidth, skullHeight } = this.#person;
    const tall = y > 0 ? 1.25 * this.chin : 1.1 * skullHeight;
    const z = DEPTH * Math.sqrt(Math.max(0.04, 1 - (x / skullWidth) ** 2 - (y / tall) ** 2)) + forward;
    const { yaw, pitch } = this.#pose;
    const depth = z * Math.cos(yaw) - x * Math.sin(yaw);
    return [x * Math.cos(yaw) + z * Math.sin(yaw), y * Math.cos(pitch) + depth * Math.sin(pitch)];
  }

  /** A point of the head's contour: a turned head stays as wide as it is, for it is about as deep. */
  contour(x: number, y: number, forward = 0): Point {
    const z = (y > 0 ? 0.5 * (y / this.chin) ** 2 : 0) + forward;
    const { yaw, pitch } = this.#pose;
    return [x + z * Math.sin(yaw), y * Math.cos(pitch) + z * Math.sin(pitch)];
  }

  /** From ear to ear along the chin; the superellipse |x / width|^2 + |y / chin|^square = 1. */
  jaw(count = JAW_POINTS, larger = 1, forward = 0): Point[] {
    const { skullWidth, jawSquareness } = this.#person;
    return Array.from({ length: count }, (_, k) => {
      const angle = (Math.PI * k) / (count - 1);
      const height = Math.max(0, Math.sin(angle)) ** (2 / jawSquareness);
      return this.contour(-larger * skullWidth * Math.cos(angle), larger * this.chin * height, forward);
    });
  }

  /** From the right ear to the left over the crown. */
  crown(larger = 1, lowest = 0, forward = 0): Point[] {
    const { skullWidth, skullHeight } = this.#person;
    return Array.from({ length: 21 }, (_, k) => {
      const angle = lowest + ((Math.PI - 2 * lowest) * k) / 20;
      return this.contour(larger * skullWidth * Math.cos(angle), -larger * skullHeight * Math.sin(angle), forward);
    });
  }

  /** Five points from left to right; side -1 is the brow on the left of the picture. */
  brow(side: -1 | 1): Point[] {
    const { browHeight, browArch, browTilt, eyeSpacing } = this.#person;
    const half = 0.27;
    const points = [-1, -0.5, 0, 0.5, 1].map((u) => {
      const outwards = side * u;
      const rise = browArch * (1 - (outwards - 0.2) ** 2) - browTilt * outwards;
      const y = -browHeight - rise - 0.12 * this.#expression.browRaise;
      return this.feature(side * (eyeSpacing + 0.04) + half * u, y);
    });
    return points;
  }

  /** Where an eye's lids are, for u from -1 at its left corner to 1 at its right one. */
  lid(side: -1 | 1, u: number, which: 'upper' | 'lower'): Point {
    const { eyeSpacing, eyeSize, eyeSlant, eyeOpenness } = this.#person;
    const open = eyeSize * eyeOpenness * (1 - 0.9 * this.#expression.blink);
    const arc = 1 - Math.abs(u) ** 2.2;
    const lift = which === 'upper' ? -open * arc : (0.55 * open + 0.03 * this.#expression.blink) * arc;
    return this.feature(side * eyeSpacing + eyeSize * u, lift - eyeSlant * side * u);
  }

  /** The whole outline of an eye. */
  eye(side: -1 | 1): Point[] {
    const along = Array.from({ length: 9 }, (_, k) => k / 4 - 1);
    return [...along.map((u) => this.lid(side, u, 'upper')), ...along.reverse().map((u) => this.lid(side, u, 'lower'))];
  }

  /** The six landmarks of an eye, clockwise from its left corner. */
  #eyeLandmarks(side: -1 | 1): Point[] {
    return [
      this.lid(side, -1, 'upper'),
      this.lid(side, -0.38, 'upper'),
      this.lid(side, 0.38, 'upper'),
      this.lid(side, 1, 'upper'),
      this.lid(side, 0.38, 'lower'),
      this.lid(side, -0.38, 'lower'),
    ];
  }

  /** Four points down the bridge, five from nostril to nostril. */
  nose(): Point[] {
    const { noseLength, noseWidth } = this.#person;
    const bridge = [0, 1, 2, 3].map((k) => this.feature(0, 0.02 + (k / 3) * (noseLength - 0.02), 0.05 + 0.09 * k));
    const base = [-1, -0.5, 0, 0.5, 1].map((u) =>
      this.feature(noseWidth * u, noseLength + 0.15 - 0.05 * Math.abs(u), 0.2 - 0.12 * Math.abs(u)),
    );
    return [...bridge, ...base];
  }

  /** Twelve points around the lips, clockwise from the left corner, and eight around what is between them. */
  mouth(): Point[] {
    const { mouthHeight, mouthWidth, lipFullness } = this.#person;
    const { smile, mouthOpen } = this.#expression;
    const half = mouthWidth * (1 + 0.22 * smile - 0.12 * mouthOpen);
    const gap = 0.3 * mouthOpen + 0.004;
    const point = (u: number, lift: number) =>
      this.feature(half * u, mouthHeight + lift - 0.14 * smile * (u * u - 0.35), 0.08 * (1 - u * u));
    const upper = (u: number, bow: number) => point(u, -lipFullness * bow - 0.25 * gap * (1 - u * u));
    const lower = (u: number, full: number) => point(u, lipFullness * full + gap * (1 - u * u));
    return [
      ...[upper(-1, 0), upper(-0.6, 0.62), upper(-0.22, 1), upper(0, 0.85), upper(0.22, 1), upper(0.6, 0.62)],
      ...[upper(1, 0), lower(0.6, 0.9), lower(0.25, 1.3), lower(0, 1.35), lower(-0.25, 1.3), lower(-0.6, 0.9)],
      ...[upper(-0.88, 0), upper(-0.3, 0), upper(0, 0.04), upper(0.3, 0)],
      ...[upper(0.88, 0), lower(0.3, 0), lower(0, 0), lower(-0.3, 0)],
    ];
  }

  /** iBUG's 68 points. */
  landmarks(): Point[] {
    return [
      ...this.jaw(),
      ...this.brow(-1),
      ...this.brow(1),
      ...this.nose(),
      ...this.#eyeLandmarks(-1),
      ...this.#eyeLandmarks(1),
      ...this.mouth(),
    ];
  }
}
