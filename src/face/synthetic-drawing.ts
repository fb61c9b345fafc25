import { type Affine, apply, type Point } from './align';
import type { Person } from './synthetic';
import type { Head } from './synthetic-head';
import { type Brush, type Canvas, type Colour, darker, mix, ribbon, smooth } from './synthetic-paint';

/** Where the light comes from, a vector of length 1 towards it, and how strong it is. */
export interface Light {
  direction: readonly [x: number, y: number, z: number];
  ambient: number;
  strength: number;
}

const WHITE: Colour = [0.96, 0.95, 0.93];
const BLACK: Colour = [0.05, 0.04, 0.04];
const SIDES = [-1, 1] as const;

/**
 * Paints a head in layers, from the back to the front.
 *
 * @param camera  from head units to pixels
 * @param clothes the colour of what is worn
 */
export function drawHead(canvas: Canvas, person: Person, head: Head, camera: Affine, light: Light, clothes: Colour) {
  new HeadPainter(canvas, person, head, camera, light).paint(clothes);
}

class HeadPainter {
  readonly #canvas: Canvas;
  readonly #person: Person;
  readonly #head: Head;
  readonly #camera: Affine;
  /** How much light falls on each pixel. */
  readonly #light: Float32Array;
  /** Pixels per head unit. */
  readonly #unit: number;
  readonly #lean: number;
  /** Towards the dark side of the face: -1 or 1, and how much darker it is. */
  readonly #shadow: number;
  readonly #outline: Point[];
  /** The pixels of the face. */
  readonly #mask: Float32Array;

  constructor(canvas: Canvas, person: Person, head: Head, camera: Affine, light: Light) {
    this.#canvas = canvas;
    this.#person = person;
    this.#head = head;
    this.#camera = camera;
    this.#unit = Math.hypot(camera[0], camera[3]);
    this.#lean = Math.atan2(camera[3], camera[0]);
    this.#shadow = -light.direction[0] * light.strength;
    this.#light = shading(canvas, head, person, camera, light);
    this.#outline = this.#place([...head.jaw(33), ...head.crown()]);
    this.#mask = canvas.mask(this.#outline);
  }

  paint(clothes: Colour) {
    this.#hairBehind();
    this.#body(clothes);
    this.#face();
    this.#freckles();
    this.#nose();
    this.#beard();
    this.#mouth();
    for (const side of SIDES) this.#eye(side);
    for (const side of SIDES) this.#brow(side);
    this.#hairInFront();
    this.#glasses();
  }

  #place(points: readonly Point[]): Point[] {
    return points.map((point) => apply(this.#camera, point));
  }

  #feature(x: number, y: number, forward = 0): Point {
    return apply(this.#camera, this.#head.feature(x, y, forward));
  }

  #fill(outline: readonly Point[], colour: Colour, more: Omit<Brush, 'colour'> = {}) {
    this.#canvas.fill(outline, { colour, light: this.#light, ...more });
  }

  #spot(at: Point, radiusX: number, radiusY: number, colour: Colour, opacity: number) {
    const brush = { colour, opacity, light: this.#light, within: this.#mask };
    this.#canvas.spot(at, radiusX * this.#unit, radiusY * this.#unit, this.#lean, brush);
  }

  /** A line as thick as `width` in the middle and a share `ends` of that at its ends, but never thinner than seen. */
  #line(points: readonly Point[], width: number, colour: Colour, opacity = 1, ends = 0.3) {
    const thick = Math.max(0.7, width * this.#unit);
    const outline = ribbon(points, (along) => thick * (ends + (1 - ends) * Math.sin(Math.PI * along)));
    this.#fill(outline, colour, { opacity });
  }

  #hairBehind() {
    const { hair, hairLength, hairVolume, skullWidth } = this.#person;
    if (hairLength < 0.35) return;
    const head = this.#head;
    const wide = skullWidth * (1 + hairVolume);
    const low = 0.2 + hairLength * 1.5;
    const sides: Point[] = [
      head.contour(-wide, 0, -0.3),
      head.contour(-1.08 * wide, 0.6 * low, -0.3),
      head.contour(-0.95 * wide, low, -0.3),
      head.contour(0.95 * wide, low, -0.3),
      head.contour(1.08 * wide, 0.6 * low, -0.3),
      head.contour(wide, 0, -0.3),
    ];
    this.#fill(this.#place([...sides, ...head.crown(1 + hairVolume, 0, -0.3)]), darker(hair, 0.7));
  }

  #body(clothes: Colour) {
    const { skin, skullWidth } = this.#person;
    const head = this.#head;
    const low = head.chin + 2.5;
    const shoulder = head.chin + 0.55;
    const body: Point[] = [
      head.contour(-0.5, shoulder - 0.15, -0.7),
      head.contour(-1.6, shoulder + 0.25, -0.7),
      head.contour(-2.3, low, -0.7),
      head.contour(2.3, low, -0.7),
      head.contour(1.6, shoulder + 0.25, -0.7),
      head.contour(0.5, shoulder - 0.15, -0.7),
    ];
    this.#fill(this.#place(body), clothes);
    const half = 0.58 * skullWidth;
    const neck: Point[] = [
      head.contour(-half, 0.6, -0.5),
      head.contour(-half * 1.05, shoulder, -0.7),
      head.contour(0, shoulder + 0.3, -0.7),
      head.contour(half * 1.05, shoulder, -0.7),
      head.contour(half, 0.6, -0.5),
    ];
    this.#fill(this.#place(neck), darker(skin, 0.72));
    for (const side of SIDES) {
      const at = apply(this.#camera, head.contour(side * 1.03 * skullWidth, 0.15, -0.15));
      const ear = oval(at, 0.14 * this.#unit, 0.27 * this.#unit, this.#lean + side * 0.12);
      this.#fill(ear, darker(skin, 0.86));
    }
  }

  #face() {
    const { skin, skullWidth, cheeks } = this.#person;
    const { chin } = this.#head;
    this.#fill(this.#outline, skin);
    const rosy = mix(skin, [0.85, 0.35, 0.3], 0.6);
    for (const side of SIDES) {
      this.#spot(this.#feature(side * 0.6 * skullWidth, 0.52), 0.2, 0.16, rosy, 0.15 + 0.35 * cheeks);
      this.#spot(this.#feature(side * 0.78 * skullWidth, 0.8 * chin), 0.2, 0.3, darker(skin, 0.7), 0.35);
    }
    this.#spot(this.#feature(0, -0.75), 0.35, 0.18, mix(skin, WHITE, 0.4), 0.2);
    this.#spot(this.#feature(0, chin - 0.12), 0.16, 0.09, mix(skin, WHITE, 0.3), 0.25);
  }

  #freckles() {
    const { freckles, skin } = this.#person;
    for (const [x, y] of freckles) this.#spot(this.#feature(x, y), 0.018, 0.018, mix(skin, [0.45, 0.2, 0.1], 0.6), 0.8);
  }

  #nose() {
    const { skin, noseWidth, noseLength } = this.#person;
    const [top, , , tip, left, leftHole, , rightHole, right] = this.#place(this.#head.nose());
    const dark = darker(skin, 0.62);
    const side = this.#shadow > 0 ? right : left;
    this.#fill([top, tip, side], dark, { opacity: 0.15 + 0.3 * Math.min(1, Math.abs(this.#shadow)) });
    this.#spot(this.#feature(0, noseLength + 0.17), 0.8 * noseWidth, 0.05, dark, 0.5);
    for (const [wing, outwards] of [
      [left, -1],
      [right, 1],
    ] as const) {
      const { x, y } = { x: wing[0], y: wing[1] };
      const turn = this.#lean + outwards * 0.4;
      this.#fill(oval([x, y - 0.03 * this.#unit], 0.06 * this.#unit, 0.1 * this.#unit, turn), darker(skin, 0.8), {
        opacity: 0.55,
      });
    }
    for (const [x, y] of [leftHole, rightHole])
      this.#fill(oval([x, y], 0.22 * noseWidth * this.#unit, 0.035 * this.#unit, this.#lean), darker(skin, 0.3), {
        opacity: 0.8,
      });
    this.#spot(tip, 0.07, 0.06, mix(skin, WHITE, 0.6), 0.45);
    this.#line([top, tip], 0.05, mix(skin, WHITE, 0.5), 0.2);
  }

  #beard() {
    const { beard, moustache, hair, mouthHeight, mouthWidth, noseLength } = this.#person;
    const head = this.#head;
    if (beard > 0) {
      const above = Array.from({ length: 9 }, (_, k) => {
        const u = 1 - k / 4;
        return head.feature(0.93 * u * this.#person.skullWidth, mouthHeight + 0.26 - 0.45 * Math.abs(u) ** 3);
      });
      const outline = this.#place([...head.jaw(33, 1 + 0.05 * beard).slice(3, 30), ...above]);
      this.#fill(outline, darker(hair, 0.85), { opacity: 0.35 + 0.5 * beard });
    }
    if (moustache > 0) {
      const y = (mouthHeight + noseLength + 0.15) / 2 + 0.02;
      const curve = [-1, -0.5, 0, 0.5, 1].map((u) => this.#feature(1.05 * mouthWidth * u, y + 0.13 * u * u, 0.1));
      this.#line(smooth(curve, false), 0.17 * moustache, darker(hair, 0.85), 0.85, 0.2);
    }
  }

  #mouth() {
    const { lips, skin, mouthHeight, lipFullness } = this.#person;
    const points = this.#place(this.#head.mouth());
    const outer = smooth(points.slice(0, 12), true, 3);
    const inner = smooth(points.slice(12), true, 3);
    this.#spot(this.#feature(0, mouthHeight + lipFullness * 1.4 + 0.14), 0.2, 0.05, darker(skin, 0.65), 0.45);
    this.#fill(outer, lips);
    this.#fill([...points.slice(0, 7), ...points.slice(12, 17).reverse()], darker(lips, 0.8), { opacity: 0.7 });
    this.#fill(inner, [0.22, 0.06, 0.06]);
    const teeth = [12, 13, 14, 15, 16].map((k): Point => points[k]);
    const below = [15, 14, 13].map((k): Point => mid(points[k], points[19 - (k - 13)], 0.45));
    this.#fill([...teeth, ...below], WHITE, { within: this.#canvas.mask(inner), opacity: 0.9 });
    this.#line([points[0], ...points.slice(12, 17), points[6]], 0.035, darker(lips, 0.4), 0.75);
  }

  #eye(side: -1 | 1) {
    const { eyeSpacing, eyeSize, iris, skin } = this.#person;
    const head = this.#head;
    const size = eyeSize * this.#unit;
    const outline = this.#place(head.eye(side));
    this.#spot(this.#feature(side * eyeSpacing, -0.06), 1.15 * eyeSize, 0.13, darker(skin, 0.55), 0.42);
    this.#fill(outline, WHITE);
    const centre = mid(
      apply(this.#camera, head.lid(side, 0, 'upper')),
      apply(this.#camera, head.lid(side, 0, 'lower')),
      0.45,
    );
    const inside = { within: this.#canvas.mask(outline) };
    this.#fill(oval(centre, 0.5 * size, 0.5 * size, 0), darker(iris, 0.5), inside);
    this.#fill(oval(centre, 0.42 * size, 0.42 * size, 0), iris, inside);
    this.#fill(oval(centre, 0.22 * size, 0.22 * size, 0), BLACK, inside);
    const glint: Point = [centre[0] - this.#shadow * 0.15 * size, centre[1] - 0.17 * size];
    this.#fill(oval(glint, 0.1 * size, 0.1 * size, 0), [1, 1, 1], inside);
    const along = Array.from({ length: 9 }, (_, k) => k / 4 - 1);
    const upper = along.map((u) => apply(this.#camera, head.lid(side, u, 'upper')));
    const lower = along.map((u) => apply(this.#camera, head.lid(side, u, 'lower')));
    this.#line(upper, 0.055, [0.12, 0.08, 0.07], 0.9);
    this.#line(lower, 0.02, darker(skin, 0.5), 0.6);
    const crease = upper.map(([x, y], k): Point => [x, y - 0.07 * this.#unit * Math.sin((Math.PI * k) / 8)]);
    this.#line(crease, 0.025, darker(skin, 0.55), 0.6);
  }

  #brow(side: -1 | 1) {
    const { hair, browThickness } = this.#person;
    const curve = smooth(this.#place(this.#head.brow(side)), false);
    const thick = browThickness * this.#unit;
    const outline = ribbon(curve, (along) => {
      const fromNose = side === 1 ? along : 1 - along;
      return Math.max(0.8, thick * (1 - 0.75 * fromNose ** 2) * (0.6 + 0.4 * Math.min(1, 6 * fromNose)));
    });
    this.#fill(outline, mix(darker(hair, 0.75), BLACK, 0.15), { opacity: 0.9 });
  }

  /** From the scalp down to the hair line, which is higher where the hair is parted. */
  #hairInFront() {
    const { hair, hairLength, hairVolume, hairLine, parting, skullWidth, skullHeight } = this.#person;
    if (hairLength < 0) return;
    const head = this.#head;
    const temple = hairLength > 0.35 ? 0.55 : 0.05;
    const line = Array.from({ length: 15 }, (_, k) => {
      const u = k / 7 - 1;
      const fall = Math.abs(u) > 0.86 ? temple : -hairLine * skullHeight * (1 - 0.35 * Math.abs(u) ** 4);
      const lift = 0.22 * hairVolume * Math.exp(-(((u - parting) / 0.22) ** 2)) * 4 * skullHeight;
      const y = Math.max(fall - lift * 0.5, -0.97 * skullHeight);
      return Math.abs(u) > 0.99 ? head.contour(1.03 * u * skullWidth, y) : head.feature(u * 0.97 * skullWidth, y);
    });
    const outside = head.crown(1 + hairVolume, -0.08, -0.05);
    const outline = this.#place([...line, ...outside]);
    this.#fill(outline, hair);
    for (const k of [3, 6, 8, 11]) {
      const strand = this.#place([line[k], mid(line[k], outside[20 - k], 0.5), outside[20 - Math.round(k * 1.2)]]);
      this.#line(smooth(strand, false), 0.09, mix(hair, WHITE, 0.5), 0.16);
    }
  }

  #glasses() {
    const { glasses, eyeSpacing, skullWidth } = this.#person;
    if (!glasses) return;
    const thick = Math.max(1, glasses.thickness * this.#unit);
    const frame = { opacity: 0.95 };
    for (const side of SIDES) {
      const ring = (shrink: number) =>
        Array.from({ length: 33 }, (_, k) => {
          const angle = (2 * Math.PI * k) / 32;
          const bulge = (wave: number) => Math.sign(wave) * Math.abs(wave) ** (1 / glasses.squareness);
          return this.#feature(
            side * (eyeSpacing + 0.02) + (glasses.width - shrink) * bulge(Math.cos(angle)),
            0.06 + (glasses.height - shrink) * bulge(Math.sin(angle)),
            0.05,
          );
        });
      this.#fill(ring(0), glasses.tint, { opacity: glasses.darkness });
      this.#fill([...ring(0), ...ring(thick / this.#unit)], glasses.frame, frame);
      const hinge = this.#feature(side * (eyeSpacing + 0.02 + glasses.width), 0, 0.05);
      const ear = apply(this.#camera, this.#head.contour(side * skullWidth, -0.05, -0.2));
      this.#fill(
        ribbon([hinge, ear], () => thick),
        glasses.frame,
        frame,
      );
    }
    const inner = eyeSpacing + 0.02 - glasses.width;
    const bridge = [-inner, 0, inner].map((x) => this.#feature(x, x === 0 ? -0.05 : 0, 0.1));
    this.#fill(
      ribbon(smooth(bridge, false), () => thick),
      glasses.frame,
      frame,
    );
  }
}

const mid = (a: Point, b: Point, share: number): Point => [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share];

function oval([x, y]: Point, radiusX: number, radiusY: number, angle: number): Point[] {
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  return Array.from({ length: 20 }, (_, k) => {
    const [u, v] = [radiusX * Math.cos((Math.PI * k) / 10), radiusY * Math.sin((Math.PI * k) / 10)];
    return [x + u * cosine - v * sine, y + u * sine + v * cosine];
  });
}

/** Lambert's law on an ellipsoid in place of the head: ambient light, and the cosine of the angle to the light. */
function shading(
  { width, height }: Canvas,
  head: Head,
  person: Person,
  [a, b, c, d, e, f]: Affine,
  { direction, ambient, strength }: Light,
): Float32Array {
  const [middleX, middleY] = head.contour(0, (head.chin - person.skullHeight) / 2);
  const [wide, tall] = [1.25 * person.skullWidth, 0.62 * (head.chin + person.skullHeight)];
  const determinant = a * e - b * d;
  const light = new Float32Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const across = ((e * (x - c) - b * (y - f)) / determinant - middleX) / wide;
      const down = ((a * (y - f) - d * (x - c)) / determinant - middleY) / tall;
      // Beyond the ellipsoid's edge the light is that of the edge.
      const squared = across * across + down * down;
      const shrink = squared > 0.94 ? Math.sqrt(0.94 / squared) : 1;
      const towards = Math.sqrt(1 - Math.min(0.94, squared));
      const cosine = shrink * (across * direction[0] + down * direction[1]) + towards * direction[2];
      light[y * width + x] = ambient + strength * Math.max(0, cosine);
    }
  return light;
}
