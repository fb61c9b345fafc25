import { type Random, stream } from '../tensor/random';
import type { Point } from './align';
import { type Homography, project } from './homography';
import { type Cloth, coverage, type Fabric, fabricOf, type MaskStyle, type Place } from './mask-fabric';
import type { FaceFrame } from './mask-geometry';
import { HALF_WIDTH, silhouette, toPlanePoint } from './mask-geometry';
import { type FaceLight, luma, type Region } from './mask-light';
import { MaskOutline, randomFit, type Strap, strapsOf } from './mask-shapes';
import { type Colour, mix } from './synthetic-paint';

/** The light comes from above more often than not: this share of the relief's slope down is lit whatever the face says. */
const FROM_ABOVE = 0.55;

/** Where a pixel of the photo lies on a mask, and how far inside its outline. */
class MaskSurface {
  /** Above 0 inside, in the canonical plane's lengths. */
  inside = 0;
  /** dX / dx: how much of the width is seen; 0 at the silhouette. */
  facing = 1;
  readonly place: Place = {
    x: 0,
    v: 0,
    s: 0,
    t: 0,
    arc: 0,
    fromTop: 0,
    fromBottom: 0,
    fromEdge: 0,
    wide: 0,
    high: 0,
  };
  readonly #outline: MaskOutline;
  readonly #cosine: number;
  readonly #sine: number;

  constructor(outline: MaskOutline, { yaw }: FaceFrame) {
    this.#outline = outline;
    this.#cosine = Math.cos(yaw);
    this.#sine = Math.sin(yaw);
  }

  /**
   * Takes a place (X, v) of the canonical plane to the surface: X = x c + D s (1 - x^2 / W^2) is a square equation in x, and
   * of its roots the one with dX / dx = sqrt(c^2 - 4 (D s / W^2) (X - D s)) > 0 faces the camera.
   *
   * @returns false where the line of sight misses the surface
   */
  at(X: number, v: number): boolean {
    const outline = this.#outline;
    const forward = outline.depth(v) * this.#sine;
    const square = this.#cosine ** 2 - (4 * forward * (X - forward)) / HALF_WIDTH ** 2;
    if (square <= 0) return false;
    this.facing = Math.sqrt(square);
    const x = (2 * (X - forward)) / (this.#cosine + this.facing);
    const top = outline.top(x);
    const bottom = outline.bottom(x);
    const topSlope = outline.topSlope(x);
    const bottomSlope = outline.bottomSlope(x);
    const fromTop = (v - top) / Math.sqrt(1 + topSlope * topSlope);
    const fromBottom = (bottom - v) / Math.sqrt(1 + bottomSlope * bottomSlope);
    const fromEdge = Math.min(fromTop, fromBottom, (outline.side - Math.abs(x)) * this.facing);
    const { place } = this;
    place.x = x;
    place.v = v;
    place.fromTop = fromTop;
    place.fromBottom = fromBottom;
    place.fromEdge = fromEdge;
    place.s = x / outline.side;
    place.t = (v - top) / Math.max(0.05, bottom - top);
    this.inside = fromEdge;
    if (Math.abs(this.#sine) > 0.05) {
      const edge = silhouette(this.#cosine, forward);
      this.inside = Math.min(fromEdge, Math.sign(this.#sine) * (edge - X));
    }
    return true;
  }
}

/** Cheeks are less steep than the parabola: cloth on them is compressed less. */
const CHEEK = 1.8;
const arcOf = (x: number) => (x * Math.sqrt(1 + (CHEEK * x) ** 2) + Math.asinh(CHEEK * x) / CHEEK) / 2;

/** Draws a mask into a region of a photo, in place. */
export function paintMask(
  region: Region,
  style: MaskStyle,
  landmarks: readonly Point[],
  frame: FaceFrame,
  light: FaceLight,
): void {
  const outline = new MaskOutline(style.kind, style.wearing, randomFit(stream(style.seed, 0)));
  const surface = new MaskSurface(outline, frame);
  const lit = new Lighting(light);
  const random = stream(style.seed, 3);
  const shade = { strength: random.between(0.3, 0.5), right: Math.max(-1, Math.min(1, luma(...light.right))) };
  const pixel = Math.sqrt(0.5 ** 2 + light.blur ** 2) / frame.unit; // in the head's lengths
  const bounds = boundsOf(region, outline, frame);

  const cover = shadowAndCover(region, surface, frame, bounds, pixel, shade);
  for (const strap of strapsOf(style.kind, outline))
    paintStrap(region, strap, strapColour(style, stream(style.seed, 2)), landmarks, frame, lit, light);
  const fabric = fabricOf(style, outline, stream(style.seed, 1));
  paintCloth(region, cover, outline, surface, frame, bounds, pixel, fabric, lit, light.noise, random);
}

interface Bounds {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** The part of the region that mask and shadow may reach. */
function boundsOf(region: Region, outline: MaskOutline, { yaw, toPhoto }: FaceFrame): Bounds {
  const margin = FARTHEST_SHADOW;
  const [low, high] = outline.heights;
  const [c, s] = [Math.cos(yaw), Math.sin(yaw)];
  const far = 1.4 * s;
  const corners: Point[] = [];
  for (const X of [-HALF_WIDTH * c + Math.min(0, far) - margin, HALF_WIDTH * c + Math.max(0, far) + margin])
    for (const v of [low - margin, (low + high) / 2, high + margin]) corners.push(project(toPhoto, [X, v]));
  const xs = corners.map(([x]) => x - region.left);
  const ys = corners.map(([, y]) => y - region.top);
  return {
    left: Math.max(0, Math.floor(Math.min(...xs))),
    right: Math.min(region.width - 1, Math.ceil(Math.max(...xs))),
    top: Math.max(0, Math.floor(Math.min(...ys))),
    bottom: Math.min(region.height - 1, Math.ceil(Math.max(...ys))),
  };
}

/** Visits the pixels of some bounds with their places in the canonical plane. */
function forEachPlace(
  { left, top, width }: Region,
  [a, b, c, d, e, f, g, h, i]: Homography,
  bounds: Bounds,
  visit: (pixel: number, X: number, v: number) => void,
) {
  for (let row = bounds.top; row <= bounds.bottom; row++)
    for (let column = bounds.left; column <= bounds.right; column++) {
      const x = column + left;
      const y = row + top;
      const w = g * x + h * y + i;
      visit(row * width + column, (a * x + b * y + c) / w, (d * x + e * y + f) / w);
    }
}

/** How the mask is lit. */
class Lighting {
  readonly #light: FaceLight;
  readonly #right: number;
  readonly #down: number;

  constructor(light: FaceLight) {
    this.#light = light;
    this.#right = Math.max(-1, Math.min(1, 1.5 * luma(...light.right)));
    this.#down = Math.max(-1, Math.min(0.3, 1.2 * luma(...light.down) - FROM_ABOVE));
  }

  /** What a relief that rises so steeply adds or takes. */
  relief(risesRight: number, risesDown: number): number {
    const slope = -this.#right * risesRight - this.#down * risesDown;
    return Math.max(0.35, 1 + 0.5 * (slope / Math.sqrt(1 + risesRight * risesRight + risesDown * risesDown)));
  }

  /** A colour as the camera sees it at a place of the face, written over `colour`. */
  seen(red: number, green: number, blue: number, x: number, v: number, brightness: number, colour: Float32Array) {
    const { white, right, down, saturation } = this.#light;
    const grey = luma(red, green, blue);
    colour[0] = red;
    colour[1] = green;
    colour[2] = blue;
    for (let k = 0; k < 3; k++) {
      const own = grey + saturation * (colour[k] - grey);
      colour[k] = exposed(own * white[k] * brightness * Math.exp(right[k] * x + down[k] * (v - 0.3)));
    }
  }
}

/** A camera's shoulder: what is bright comes nearer to white and does not reach it. */
const exposed = (value: number): number =>
  value < 0.8 ? Math.max(0, value) : 0.8 + 0.2 * Math.tanh((value - 0.8) / 0.2);

/** From the mask's edge, in the head's lengths: see the numbers below. */
const FARTHEST_SHADOW = 0.1;

/** Darkens the skin around the mask, and tells how much of each pixel the mask covers. */
function shadowAndCover(
  region: Region,
  surface: MaskSurface,
  { toPlane, yaw }: FaceFrame,
  bounds: Bounds,
  pixel: number,
  { strength, right }: { strength: number; right: number },
): Float32Array {
  const { values, width, height } = region;
  const cover = new Float32Array(width * height);
  const size = 2.6 * pixel;
  forEachPlace(region, toPlane, bounds, (at, X, v) => {
    const isOn = surface.at(X, v);
    const share = isOn ? coverage(surface.inside, size) : 0;
    cover[at] = share;
    if (share >= 1) return;
    // Close around the edge no light gets in; and the mask's shadow falls away from the light, most often down.
    const inside = isOn ? Math.min(0, surface.inside) : 0;
    if (inside < -FARTHEST_SHADOW) return;
    const near = isOn ? 0.22 * Math.exp(inside / (0.012 + pixel)) : 0;
    const thrown = surface.at(X + 0.035 * right, v - 0.035) ? coverage(surface.inside, 0.09 + size) : 0;
    if (!isOn && Math.abs(yaw) > 0.15) return; // beyond the silhouette is the background
    const left = (1 - near) * (1 - strength * thrown);
    for (let k = 3 * at; k < 3 * at + 3; k++) values[k] *= left;
  });
  return cover;
}

function paintCloth(
  region: Region,
  cover: Float32Array,
  outline: MaskOutline,
  surface: MaskSurface,
  { toPlane }: FaceFrame,
  bounds: Bounds,
  pixel: number,
  fabric: Fabric,
  lit: Lighting,
  noise: number,
  random: Random,
) {
  const { values } = region;
  const { place } = surface;
  const cloth: Cloth = { red: 0, green: 0, blue: 0, risesRight: 0, risesDown: 0, open: 1 };
  const colour = new Float32Array(3);
  let grain = 0;
  forEachPlace(region, toPlane, bounds, (at, X, v) => {
    const share = cover[at];
    if (share <= 0 || !surface.at(X, v)) return;
    const steep = CHEEK * place.x;
    place.arc = arcOf(place.x);
    place.wide = Math.min(0.2, (pixel * Math.sqrt(1 + steep * steep)) / Math.max(0.2, surface.facing));
    place.high = pixel;
    fabric(place, cloth);
    const facing = Math.min(1, surface.facing / Math.sqrt(1 + steep * steep));
    const brightness =
      lit.relief(cloth.risesRight, cloth.risesDown + 0.8 * outline.bulge(v) * (1 - (place.x / HALF_WIDTH) ** 2)) *
      cloth.open *
      (0.7 + 0.3 * Math.sqrt(facing));
    lit.seen(cloth.red, cloth.green, cloth.blue, place.x, v, brightness, colour);
    // Neighbours share some of their noise: cameras and JPEG make it coarser than a pixel.
    grain = 0.4 * grain + 1.6 * noise * (random.next() + random.next() + random.next() - 1.5);
    for (let k = 0; k < 3; k++) values[3 * at + k] += share * (colour[k] + grain - values[3 * at + k]);
  });
}

function strapColour({ kind, colour }: MaskStyle, random: Random): Colour {
  const pick = random.next();
  if (kind === 'n95') return pick < 0.4 ? [0.85, 0.72, 0.3] : pick < 0.7 ? [0.3, 0.45, 0.75] : [0.88, 0.88, 0.86];
  if (kind === 'cloth')
    return pick < 0.5 ? mix(colour, [0.1, 0.1, 0.1], 0.3) : pick < 0.75 ? [0.08, 0.08, 0.09] : [0.9, 0.9, 0.9];
  return luma(...colour) < 0.25 ? [0.1, 0.1, 0.11] : [0.92, 0.92, 0.92];
}

/**
 * From the mask to the ear, or to where the head's turn hides it. Hair falls over straps: where what is below is nothing like
 * skin, nothing is drawn.
 */
function paintStrap(
  region: Region,
  { side, from, to, width }: Strap,
  colour: Colour,
  landmarks: readonly Point[],
  frame: FaceFrame,
  lit: Lighting,
  light: FaceLight,
) {
  if (side * frame.yaw > 0.22) return;
  const seam = toPlanePoint(frame.yaw, ...from, 1.1);
  if (!seam) return;
  const start = project(frame.toPhoto, seam);
  const jaw = (level: number): Point => {
    const k = Math.floor(level);
    const [upper, lower] = side < 0 ? [landmarks[k], landmarks[k + 1]] : [landmarks[16 - k], landmarks[15 - k]];
    return [upper[0] + (level - k) * (lower[0] - upper[0]), upper[1] + (level - k) * (lower[1] - upper[1])];
  };
  const [topX, topY] = jaw(0);
  const [chinX, chinY] = landmarks[8];
  const [bridgeX, bridgeY] = landmarks[27];
  const down: Point = [(chinX - bridgeX) / frame.unit, (chinY - bridgeY) / frame.unit];
  const out: Point = [topX - bridgeX, topY - bridgeY];
  const reach = Math.hypot(...out) || 1;
  const anchor = jaw(to.level);
  const end: Point = [
    anchor[0] + (frame.unit * to.beyond * out[0]) / reach - frame.unit * to.above * down[0],
    anchor[1] + (frame.unit * to.beyond * out[1]) / reach - frame.unit * to.above * down[1],
  ];
  const seen = new Float32Array(3);
  lit.seen(colour[0], colour[1], colour[2], 0.65 * side, 0.2, 1, seen);
  const half = Math.max(0.35, (frame.unit * width) / 2);
  const soft = 1.2 * Math.sqrt(0.25 + light.blur ** 2) + 0.3;
  const thin = Math.min(1, (frame.unit * width) / 0.9);
  const visible = visibility(region, start, end, half, light);
  line(region, start, end, half + soft, (at, away, along) => {
    const own = thin * visible[Math.round(along * (visible.length - 1))];
    const cast = own * 0.22 * Math.max(0, 1 - Math.max(0, away - half) / (half + soft));
    const share = own * coverage(half - away, soft);
    for (let k = 0; k < 3; k++) {
      const value = region.values[3 * at + k] * (1 - cast);
      region.values[3 * at + k] = value + share * (seen[k] - value);
    }
  });
}

/** Places along a strap at which it is looked whether there is skin. */
const LOOKS = 24;

/** How much of a strap is seen along its way: once hair has fallen over it, it does not come out again. */
function visibility(
  { left, top, width, height, values }: Region,
  [fromX, fromY]: Point,
  [toX, toY]: Point,
  reach: number,
  light: FaceLight,
): Float32Array {
  const visible = new Float32Array(LOOKS + 1);
  const step = Math.max(1, Math.round(reach));
  let own = 1;
  for (let k = 0; k <= LOOKS; k++) {
    const column = Math.round(fromX + ((toX - fromX) * k) / LOOKS) - left;
    const row = Math.round(fromY + ((toY - fromY) * k) / LOOKS) - top;
    if (column < step || row < step || column >= width - step || row >= height - step) break;
    let sum = 0;
    for (const [x, y] of [
      [0, 0],
      [step, 0],
      [-step, 0],
      [0, step],
      [0, -step],
    ])
      sum += skinLike(values, (row + y) * width + column + x, light);
    // Close to the mask its shadow lies on the skin, and there it is seen whatever the colour.
    if (k > LOOKS / 6) own = Math.min(own, Math.max(0, Math.min(1, (sum / 5 - 0.3) / 0.3)));
    visible[k] = own;
  }
  return visible;
}

/** Visits the pixels near a line, with their distance from it. */
function line(
  { left, top, width, height }: Region,
  [fromX, fromY]: Point,
  [toX, toY]: Point,
  reach: number,
  visit: (pixel: number, away: number, along: number) => void,
) {
  const [dx, dy] = [toX - fromX, toY - fromY];
  const squared = dx * dx + dy * dy || 1;
  const firstRow = Math.max(0, Math.floor(Math.min(fromY, toY) - reach) - top);
  const lastRow = Math.min(height - 1, Math.ceil(Math.max(fromY, toY) + reach) - top);
  const firstColumn = Math.max(0, Math.floor(Math.min(fromX, toX) - reach) - left);
  const lastColumn = Math.min(width - 1, Math.ceil(Math.max(fromX, toX) + reach) - left);
  for (let row = firstRow; row <= lastRow; row++)
    for (let column = firstColumn; column <= lastColumn; column++) {
      const [x, y] = [column + left - fromX, row + top - fromY];
      const along = Math.max(0, Math.min(1, (x * dx + y * dy) / squared));
      const away = Math.hypot(x - along * dx, y - along * dy);
      if (away < reach) visit(row * width + column, away, along);
    }
}

/** 1 of what may be skin in this light, 0 of what is much darker or brighter, or of another colour. */
function skinLike(values: Float32Array, at: number, { skin }: FaceLight): number {
  const [red, green, blue] = [values[3 * at], values[3 * at + 1], values[3 * at + 2]];
  const [grey, usual] = [Math.max(0.02, luma(red, green, blue)), Math.max(0.02, luma(...skin))];
  const ratio = grey / usual;
  const hue = Math.hypot(red / grey - skin[0] / usual, blue / grey - skin[2] / usual);
  return Math.max(0, Math.min(1, (ratio - 0.35) / 0.2, (2 - ratio) / 0.4, (0.6 - hue) / 0.2));
}
