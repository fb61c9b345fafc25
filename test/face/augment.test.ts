import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { adjust, augment, coarsen, erase, NO_AUGMENT, place } from '../../src/face/augment';
import { type PixelShape, resize } from '../../src/face/pixels';
import { mirror } from '../../src/nn/evaluation';
import { random } from '../../src/tensor/random';

const test = suite('augmentation');

const SHAPES: PixelShape[] = [
  { height: 12, width: 9, channels: 3 },
  { height: 7, width: 10, channels: 1 },
];

function noise({ height, width, channels }: PixelShape, seed = 1): Float32Array {
  const source = random(seed);
  return Float32Array.from({ length: height * width * channels }, () => source.next());
}

const close = (a: Float32Array, b: Float32Array, tolerance = 1e-5) => {
  assert.is(a.length, b.length);
  a.forEach((value, k) => {
    assert.ok(Math.abs(value - b[k]) <= tolerance, `${value} and ${b[k]} at ${k}`);
  });
};

const still = { x: 0, y: 0, zoom: 1, angle: 0 };

for (const shape of SHAPES) {
  const size = `${shape.height}x${shape.width}x${shape.channels}`;
  const pixels = noise(shape);

  test(`the mirror image of a mirror image is the image (${size})`, () => {
    assert.not.equal(mirror(pixels, shape), pixels);
    assert.equal(mirror(mirror(pixels, shape), shape), pixels);
  });

  test(`nothing is changed at strength 0, and the input never is (${size})`, () => {
    close(augment(pixels, shape, random(3), NO_AUGMENT), pixels, 1e-6);
    augment(pixels, shape, random(3));
    assert.equal(pixels, noise(shape));
  });

  test(`the same state gives the same image, 0 to 1 and finite (${size})`, () => {
    for (let seed = 0; seed < 40; seed++) {
      const once = augment(pixels, shape, random(seed));
      assert.equal(once, augment(pixels, shape, random(seed)));
      assert.ok(once.every((value) => value >= 0 && value <= 1));
    }
    assert.not.equal(augment(pixels, shape, random(1)), augment(pixels, shape, random(2)));
  });

  test(`a shift moves pixels, and moves them back (${size})`, () => {
    const { width, channels } = shape;
    const moved = place(pixels, shape, { ...still, x: 2, y: 1 });
    const at = (y: number, x: number) => (y * width + x) * channels;
    for (let k = 0; k < channels; k++) assert.is(moved[at(4, 5) + k], pixels[at(3, 3) + k]);
    const back = place(moved, shape, { ...still, x: -2, y: -1 });
    assert.is(back[at(3, 3)], pixels[at(3, 3)]);
  });

  test(`half a turn is a mirror in both directions (${size})`, () => {
    const turned = place(pixels, shape, { ...still, angle: Math.PI });
    const { width, height, channels } = shape;
    const expected = new Float32Array(pixels.length);
    for (let place = 0; place < width * height; place++)
      for (let k = 0; k < channels; k++)
        expected[place * channels + k] = pixels[(width * height - 1 - place) * channels + k];
    close(turned, expected, 1e-4);
  });

  test(`an image of one value stays it, wherever it is put (${size})`, () => {
    const flat = new Float32Array(pixels.length).fill(0.25);
    close(place(flat, shape, { x: 3.3, y: -1.7, zoom: 1.4, angle: 0.6 }), flat);
    const copy = Float32Array.from(flat);
    coarsen(copy, shape, 3);
    adjust(copy, shape, { brightness: 0, contrast: 1.7, saturation: 0.2 });
    close(copy, flat);
  });

  test(`blocks become their means, and the mean of all stays (${size})`, () => {
    const coarse = Float32Array.from(pixels);
    coarsen(coarse, shape, 2);
    const { width, channels } = shape;
    assert.is(coarse[0], coarse[channels]);
    assert.is(coarse[0], coarse[width * channels]);
    const four = [0, channels, width * channels, (width + 1) * channels].map((at) => pixels[at]);
    assert.ok(Math.abs(coarse[0] - four.reduce((a, b) => a + b) / 4) < 1e-6);
  });

  test(`what is erased is one rectangle of the right size (${size})`, () => {
    for (let seed = 0; seed < 30; seed++) {
      const flat = new Float32Array(pixels.length).fill(2);
      erase(flat, shape, random(seed));
      const places: [number, number][] = [];
      for (let at = 0; at < flat.length; at += shape.channels)
        if (flat[at] !== 2)
          places.push([Math.floor(at / shape.channels / shape.width), (at / shape.channels) % shape.width]);
      const spread = (axis: 0 | 1) => {
        const values = places.map((place) => place[axis]);
        return Math.max(...values) - Math.min(...values) + 1;
      };
      assert.is(places.length, spread(0) * spread(1));
      const part = places.length / (shape.width * shape.height);
      assert.ok(part > 0 && part < 0.3, `${part}`);
    }
  });
}

test('zoom makes a spot larger about the middle', () => {
  const shape = { height: 21, width: 21, channels: 1 } as const;
  const spot = new Float32Array(21 * 21);
  for (let y = 8; y <= 12; y++) for (let x = 8; x <= 12; x++) spot[y * 21 + x] = 1;
  const larger = place(spot, shape, { ...still, zoom: 2 });
  const sum = (values: Float32Array) => values.reduce((a, b) => a + b, 0);
  assert.ok(Math.abs(sum(larger) / sum(spot) - 4) < 0.2);
  close(mirror(larger, shape), larger, 1e-5);
});

test('without saturation all channels are alike, and contrast 0 leaves one value', () => {
  const shape = SHAPES[0];
  const grey = noise(shape);
  adjust(grey, shape, { brightness: 0, contrast: 1, saturation: 0 });
  for (let at = 0; at < grey.length; at += 3) assert.ok(Math.abs(grey[at] - grey[at + 2]) < 1e-6);
  adjust(grey, shape, { brightness: 0.1, contrast: 0, saturation: 1 });
  assert.ok(Math.max(...grey) - Math.min(...grey) < 1e-6);
});

test('a picture is cut to proportion and resized: edges stay, means stay', () => {
  const data = new Uint8Array(4 * 40 * 20).fill(255);
  for (let y = 0; y < 20; y++) for (let x = 0; x < 20; x++) data.fill(0, 4 * (y * 40 + x), 4 * (y * 40 + x) + 3);
  const halves = { width: 40, height: 20, data }; // black on the left, white on the right
  const small = resize(halves, { height: 5, width: 10, channels: 1 });
  assert.ok(small[3] < 0.01 && small[6] > 0.99);
  const square = resize(halves, { height: 8, width: 8, channels: 3 });
  assert.ok(Math.abs(square.reduce((a, b) => a + b, 0) / square.length - 0.5) < 1e-3);
  close(
    resize(halves, { height: 20, width: 40, channels: 3 }),
    Float32Array.from(
      data.filter((_, at) => at % 4 < 3),
      (value) => value / 255,
    ),
    1e-6,
  );
  const large = resize(halves, { height: 40, width: 80, channels: 1 });
  assert.ok(large[0] < 1e-6 && large[79] > 1 - 1e-6);
});

test.run();
