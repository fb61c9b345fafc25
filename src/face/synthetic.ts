import type { Random } from '../tensor/random';
import { type Affine, apply, type Point, type Template, umeyama } from './align';
import type { Box } from './boxes';
import type { RawImage } from './image';
import { drawHead, type Light } from './synthetic-drawing';
import { type Expression, Head } from './synthetic-head';
import { Canvas, type Colour, darker, mix } from './synthetic-paint';

/*
 * Faces of people who do not exist: `syntheticPerson` draws the traits that make an identity, `syntheticPhoto` one
 * photo of it, with a pose, a light, an expression, a background and noise of its own. The same generator gives the
 * same bytes. Lengths are in head units (half a usual head's width), downwards from the middle of the eyes.
 */

export interface Person {
  skullWidth: number;
  /** From the eyes to the crown. */
  skullHeight: number;
  chinHeight: number;
  /** 1.7 is pointed, 3.4 is square. */
  jawSquareness: number;
  skin: Colour;
  /** How red the cheeks are, 0 to 1. */
  cheeks: number;
  hair: Colour;
  /** Below 0 none, above 0.35 it hangs behind the head, at 1.2 down to the shoulders. */
  hairLength: number;
  hairVolume: number;
  /** Where the hair begins, as a share of the skull's height. */
  hairLine: number;
  /** From the left side (-1) to the right (1). */
  parting: number;
  browHeight: number;
  browThickness: number;
  browArch: number;
  browTilt: number;
  /** Half the width of an eye. */
  eyeSize: number;
  /** Half the distance of the eyes. */
  eyeSpacing: number;
  /** Height of an upper lid as a share of the size. */
  eyeOpenness: number;
  eyeSlant: number;
  iris: Colour;
  noseLength: number;
  /** Half of it. */
  noseWidth: number;
  mouthHeight: number;
  /** Half of it. */
  mouthWidth: number;
  lipFullness: number;
  lips: Colour;
  /** 0 none, 1 full. */
  beard: number;
  moustache: number;
  freckles: readonly Point[];
  glasses: Glasses | undefined;
}

export interface Glasses {
  frame: Colour;
  thickness: number;
  /** Half of it. */
  width: number;
  height: number;
  /** 1 is round, 2 nearly a rectangle. */
  squareness: number;
  tint: Colour;
  /** How much the lenses hide, 0 to 1. */
  darkness: number;
}

export interface SyntheticPhotoOptions {
  width: number;
  height: number;
  /** 1 gives greys, in the same RGBA bytes. Default 3. */
  channels?: 1 | 3;
  /**
   * 'photo' (the default): the head at some place and size in the picture. A template: the face aligned to it, as
   * alignment would, within a hundredth or two; the template is scaled to the picture's shorter side.
   */
  framing?: 'photo' | Template;
}

export interface SyntheticPhoto {
  image: RawImage;
  /** Around the face, from the hair line to the chin and from ear to ear. */
  box: Box;
  /** iBUG's 68 points, exactly where they were drawn. */
  landmarks: Point[];
}

const SKINS: readonly Colour[] = [
  [0.97, 0.84, 0.76],
  [0.93, 0.75, 0.62],
  [0.85, 0.64, 0.48],
  [0.7, 0.48, 0.34],
  [0.52, 0.34, 0.24],
  [0.36, 0.23, 0.17],
];
const HAIRS: readonly Colour[] = [
  [0.08, 0.07, 0.07],
  [0.22, 0.14, 0.09],
  [0.42, 0.26, 0.14],
  [0.62, 0.3, 0.12],
  [0.83, 0.66, 0.38],
  [0.66, 0.65, 0.64],
];
const IRISES: readonly Colour[] = [
  [0.3, 0.18, 0.09],
  [0.45, 0.3, 0.13],
  [0.3, 0.45, 0.28],
  [0.3, 0.5, 0.68],
  [0.45, 0.5, 0.54],
];
const FRAMES: readonly Colour[] = [
  [0.06, 0.06, 0.07],
  [0.35, 0.18, 0.1],
  [0.62, 0.55, 0.3],
  [0.55, 0.1, 0.14],
  [0.16, 0.2, 0.45],
];

/** Some colour between two neighbours of a palette. */
function between(random: Random, palette: readonly Colour[]): Colour {
  const place = random.next() * (palette.length - 1);
  const first = Math.floor(place);
  return mix(palette[first], palette[first + 1], place - first);
}

/** Draws the traits of somebody. */
export function syntheticPerson(random: Random): Person {
  const skin = between(random, SKINS);
  const hair = between(random, HAIRS);
  const is = (probability: number) => random.next() < probability;
  const noseLength = random.between(0.5, 0.72);
  const mouthHeight = noseLength + random.between(0.32, 0.46);
  const bearded = is(0.25);
  return {
    skullWidth: random.between(0.88, 1.1),
    skullHeight: random.between(1.12, 1.4),
    chinHeight: mouthHeight + random.between(0.34, 0.58),
    jawSquareness: random.between(1.75, 3.3),
    skin,
    cheeks: random.next(),
    hair,
    hairLength: is(0.1) ? -1 : is(0.5) ? random.between(0, 0.3) : random.between(0.4, 1.2),
    hairVolume: random.between(0.05, 0.26),
    hairLine: random.between(0.48, 0.85),
    parting: random.between(-0.8, 0.8),
    browHeight: random.between(0.26, 0.42),
    browThickness: random.between(0.04, 0.16),
    browArch: random.between(-0.01, 0.12),
    browTilt: random.between(-0.07, 0.07),
    eyeSize: random.between(0.17, 0.26),
    eyeSpacing: random.between(0.37, 0.5),
    eyeOpenness: random.between(0.4, 0.72),
    eyeSlant: random.between(-0.04, 0.05),
    iris: between(random, IRISES),
    noseLength,
    noseWidth: random.between(0.15, 0.29),
    mouthHeight,
    mouthWidth: random.between(0.27, 0.46),
    lipFullness: random.between(0.045, 0.12),
    lips: mix(darker(skin, 0.8), [0.72, 0.2, 0.24], random.between(0.25, 0.75)),
    beard: bearded ? random.between(0.2, 1) : 0,
    moustache: bearded ? random.between(0.5, 1) : is(0.08) ? random.between(0.6, 1) : 0,
    freckles: freckles(random, is(0.18) ? 45 : 0),
    glasses: is(0.3) ? someGlasses(random) : undefined,
  };
}

function freckles(random: Random, count: number): Point[] {
  return Array.from({ length: count }, () => {
    const side = random.next() < 0.5 ? -1 : 1;
    return [side * Math.abs(0.4 + 0.22 * random.normal()), 0.42 + 0.13 * random.normal()];
  });
}

function someGlasses(random: Random): Glasses {
  return {
    frame: between(random, FRAMES),
    thickness: random.between(0.025, 0.085),
    width: random.between(0.26, 0.36),
    height: random.between(0.19, 0.31),
    squareness: random.between(1, 2),
    tint: [0.15, 0.17, 0.2],
    darkness: random.next() < 0.12 ? 0.7 : 0.06,
  };
}

/** Draws one photo of a person. */
export function syntheticPhoto(person: Person, random: Random, options: SyntheticPhotoOptions): SyntheticPhoto {
  const { width, height, channels = 3, framing = 'photo' } = options;
  const head = new Head(person, somePose(random), someExpression(random));
  const points = head.landmarks();
  const camera =
    framing === 'photo'
      ? freeCamera(random, head, person, width, height)
      : chipCamera(random, points, framing, options);

  const canvas = new Canvas(width, height);
  drawBackground(canvas, random);
  drawHead(canvas, person, head, camera, someLight(random), someColour(random));
  tint(canvas, random);
  canvas.blur(random.between(0, 0.6));
  const data = canvas.toBytes(random, random.between(0.005, 0.03), channels === 1);

  const landmarks = points.map((point) => apply(camera, point));
  const top = apply(camera, head.contour(0, -Math.min(0.85, person.hairLine + 0.1) * person.skullHeight));
  return { image: { width, height, data }, box: boxAround([...landmarks, top]), landmarks };
}

/** The smallest box that holds all points. */
function boxAround(points: readonly Point[]): Box {
  const columns = points.map(([x]) => x);
  const rows = points.map(([, y]) => y);
  const [left, top] = [Math.min(...columns), Math.min(...rows)];
  return [left, top, Math.max(...columns) - left, Math.max(...rows) - top];
}

/** A normal number that is never further from 0 than two standard deviations. */
const limited = (random: Random) => Math.max(-2, Math.min(2, random.normal()));

const somePose = (random: Random) => ({ yaw: 0.17 * limited(random), pitch: 0.1 * limited(random) });

function someExpression(random: Random): Expression {
  const at = (probability: number, most: number) => {
    const size = random.between(0.2, 1);
    return random.next() < probability ? most * size : 0;
  };
  return {
    smile: random.next() < 0.15 ? -random.between(0.2, 0.6) : at(0.6, 1),
    mouthOpen: at(0.35, 1),
    browRaise: random.between(-0.4, 0.2) + at(0.25, 0.8),
    blink: random.next() < 0.06 ? 1 : random.between(0, 0.3),
  };
}

function someLight(random: Random): Light {
  const [x, y] = [random.between(-0.8, 0.8), random.between(-0.7, 0.15)];
  const ambient = random.between(0.4, 0.75);
  const direction = [x, y, Math.sqrt(Math.max(0.1, 1 - x * x - y * y))] as const;
  return { direction, ambient, strength: random.between(0.85, 1.15) - ambient };
}

/** Anything from grey to half saturated. */
function someColour(random: Random): Colour {
  const grey = random.between(0.1, 0.9);
  return mix([grey, grey, grey], [random.next(), random.next(), random.next()], random.between(0.1, 0.6));
}

/** Somewhere in the picture, and leaning; the whole face is inside. */
function freeCamera(random: Random, head: Head, person: Person, width: number, height: number): Affine {
  const size = Math.min(width / 2.6, height / 3.1) * random.between(0.68, 0.98);
  const lean = 0.09 * limited(random);
  const [cosine, sine] = [size * Math.cos(lean), size * Math.sin(lean)];
  const spare = (side: number, needed: number) => 0.5 * Math.max(0, side - needed * size);
  const x = (width - 1) / 2 + random.between(-1, 1) * spare(width, 2.5);
  const y = (height - 1) / 2 + random.between(-1, 1) * spare(height, 3);
  const middle = (head.chin - person.skullHeight) / 2;
  return [cosine, -sine, x + sine * middle, sine, cosine, y - cosine * middle];
}

/** The face on a template, with the errors of an alignment. */
function chipCamera(
  random: Random,
  points: readonly Point[],
  template: Template,
  { width, height }: { width: number; height: number },
): Affine {
  const size = Math.min(width, height) / template.side;
  const error = () => 0.012 * template.side * limited(random);
  const [shiftX, shiftY] = [error(), error()];
  const source = template.landmarks.map((group) => centroid(group.map((k) => points[k])));
  const target = template.points.map(([x, y]): Point => {
    // Pixel centres are whole numbers, so a picture begins at -0.5.
    const scaled = (value: number, side: number) => size * (value + 0.5 - template.side / 2) + side / 2 - 0.5;
    return [scaled(x + shiftX, width), scaled(y + shiftY, height)];
  });
  return umeyama(source, target);
}

function centroid(points: readonly Point[]): Point {
  const sum = points.reduce(([x, y], [px, py]) => [x + px, y + py], [0, 0]);
  return [sum[0] / points.length, sum[1] / points.length];
}

/** Two colours that run into each other, and a few soft things in them. */
function drawBackground(canvas: Canvas, random: Random) {
  const [from, to] = [someColour(random), someColour(random)];
  const angle = random.between(0, 2 * Math.PI);
  const { width, height } = canvas;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const along = ((x / width - 0.5) * Math.cos(angle) + (y / height - 0.5) * Math.sin(angle)) / 1.42 + 0.5;
      for (let k = 0; k < 3; k++) canvas.values[3 * (y * width + x) + k] = from[k] + (to[k] - from[k]) * along;
    }
  for (let things = random.below(4); things > 0; things--) {
    const at: Point = [random.between(0, width), random.between(0, height)];
    const brush = { colour: someColour(random), opacity: random.between(0.3, 0.9) };
    canvas.spot(at, random.between(0.05, 0.25) * width, random.between(0.05, 0.3) * height, angle, brush);
  }
}

/** The colour of the light and the exposure. */
function tint(canvas: Canvas, random: Random) {
  const warm = random.between(-0.07, 0.07);
  const gain = random.between(0.85, 1.15);
  const gains = [gain * (1 + warm), gain, gain * (1 - warm)];
  for (let at = 0; at < canvas.values.length; at++) canvas.values[at] *= gains[at % 3];
}
