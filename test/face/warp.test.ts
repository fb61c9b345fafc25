import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Affine, invert } from '../../src/face/align';
import type { RawImage } from '../../src/face/image';
import { imageOf } from '../../src/face/pixels';
import { warpPhoto } from '../../src/face/warp';
import type { Backend, Numbers } from '../../src/kernels/backend';
import { openReference } from '../../src/kernels/reference/backend';
import { random } from '../../src/tensor/random';
import { scope } from '../../src/tensor/scope';
import { testDevices, testOnEachDevice } from '../helpers/devices';
import { assertClose } from '../helpers/numbers';

const test = suite('warping photos');

const IDENTITY: Affine = [1, 0, 0, 0, 1, 0];

/** A photo of noise, whose alpha must not matter. */
function noise(width: number, height: number): RawImage {
  const generator = random(width * height);
  return { width, height, data: Uint8Array.from({ length: 4 * width * height }, () => generator.below(256)) };
}

const pixel = ({ data, width }: RawImage, x: number, y: number): number[] => [
  ...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 3),
];

function warp(backend: Backend, photo: RawImage, toPhoto: Affine, side: number): Promise<Numbers> {
  using _ = scope();
  const square = warpPhoto(backend, photo, toPhoto, side);
  assert.equal(square.shape, [1, side, side, 3]);
  return square.data();
}

/** What a function of column and row says of each pixel of a square. */
const square = (side: number, at: (x: number, y: number) => number[]): number[] =>
  Array.from({ length: side * side }, (_, k) => at(k % side, Math.floor(k / side))).flat();

testOnEachDevice(test, 'the identity gives the pixels', async (backend) => {
  const photo = noise(9, 9);
  assert.equal(
    [...(await warp(backend, photo, IDENTITY, 9))],
    square(9, (x, y) => pixel(photo, x, y)),
  );
});

testOnEachDevice(test, 'a part of a photo, and what lies outside is zero', async (backend) => {
  const photo = noise(6, 4);
  const isInside = (x: number, y: number) => x >= 0 && x < 6 && y >= 0 && y < 4;
  for (const [left, top] of [
    [2, 1],
    [-2, -3],
    [4, 2],
    [-5, 0],
  ])
    assert.equal(
      [...(await warp(backend, photo, [1, 0, left, 0, 1, top], 5))],
      square(5, (x, y) => (isInside(x + left, y + top) ? pixel(photo, x + left, y + top) : [0, 0, 0])),
      `${left}, ${top}`,
    );
  for (const [left, top] of [
    [100, 0],
    [0, -100],
    [-100, 100],
  ])
    assert.ok((await warp(backend, photo, [1, 0, left, 0, 1, top], 5)).every((value) => value === 0));
});

testOnEachDevice(test, 'a rectangle, with something else than black around the photo', async (backend) => {
  const photo = noise(6, 4);
  const isInside = (x: number, y: number) => x >= 0 && x < 6 && y >= 0 && y < 4;
  using _ = scope();
  const rectangle = warpPhoto(backend, photo, [1, 0, -1, 0, 1, -2], 9, 5, 114);
  assert.equal(rectangle.shape, [1, 5, 9, 3]);
  const expected = Array.from({ length: 45 }, (_, k) => {
    const [x, y] = [(k % 9) - 1, Math.floor(k / 9) - 2];
    return isInside(x, y) ? pixel(photo, x, y) : [114, 114, 114];
  });
  assertClose(await rectangle.data(), expected.flat(), 1e-6);
});

testOnEachDevice(test, 'turned by 90, 180 and 270 degrees, exactly', async (backend) => {
  const photo = noise(7, 7);
  for (const [toPhoto, from] of [
    [[0, 1, 0, -1, 0, 6], (x: number, y: number) => [y, 6 - x]],
    [[-1, 0, 6, 0, -1, 6], (x: number, y: number) => [6 - x, 6 - y]],
    [[0, -1, 6, 1, 0, 0], (x: number, y: number) => [6 - y, x]],
    [[-1, 0, 6, 0, 1, 0], (x: number, y: number) => [6 - x, y]], // mirrored
  ] satisfies [Affine, (x: number, y: number) => number[]][])
    assert.equal(
      [...(await warp(backend, photo, toPhoto, 7))],
      square(7, (x, y) => {
        const [px, py] = from(x, y);
        return pixel(photo, px, py);
      }),
      `${toPhoto}`,
    );
});

testOnEachDevice(test, 'half a pixel off: the mean of neighbours, half of it at the edge', async (backend) => {
  const photo = { width: 2, height: 1, data: Uint8Array.from([10, 20, 30, 0, 50, 60, 70, 0]) };
  const values = [...(await warp(backend, photo, [1, 0, 0.5, 0, 1, 0], 2))];
  assertClose(values, [30, 40, 50, 25, 30, 35, 0, 0, 0, 0, 0, 0], 1e-6);
});

for (const block of [2, 3, 5])
  testOnEachDevice(test, `shrunk by ${block}: means of whole blocks`, async (backend) => {
    const side = 8;
    const photo = noise(block * side, block * side);
    const centre = (block - 1) / 2;
    const values = await warp(backend, photo, [block, 0, centre, 0, block, centre], side);
    const mean = (x: number, y: number) =>
      [0, 1, 2].map((channel) => {
        let sum = 0;
        for (let i = 0; i < block; i++)
          for (let j = 0; j < block; j++) sum += pixel(photo, block * x + j, block * y + i)[channel];
        return sum / block ** 2;
      });
    assertClose(values, square(side, mean), 1e-6);
  });

test('shrunk by a little more than a block, an even colour and a slope stay what they are', async () => {
  const width = 90;
  const slope = (x: number, y: number) => [2 * x, 2 * y, 100];
  const photo: RawImage = { width, height: width, data: new Uint8Array(4 * width * width) };
  for (let y = 0; y < width; y++) for (let x = 0; x < width; x++) photo.data.set(slope(x, y), 4 * (y * width + x));
  for (const step of [1.3, 2.4, 3.49, 3.51]) {
    const side = Math.floor(80 / step);
    const [cosine, sine] = [step * Math.cos(0.2), step * Math.sin(0.2)];
    for (const toPhoto of [
      [step, 0, 5, 0, step, 5],
      [cosine, -sine, 20, sine, cosine, 5],
    ] satisfies Affine[]) {
      const values = await warp(openReference(), photo, toPhoto, side);
      const [a, b, c, d, e, f] = toPhoto;
      let seen = 0;
      for (let y = 0; y < side; y++)
        for (let x = 0; x < side; x++) {
          const [px, py] = [a * x + b * y + c, d * x + e * y + f];
          if (px < 4 || py < 4 || px > width - 6 || py > width - 6) continue;
          seen++;
          assertClose([...values.subarray(3 * (y * side + x), 3 * (y * side + x) + 3)], slope(px, py), 1e-9);
        }
      assert.ok(seen > (side * side) / 2);
    }
  }
});

test('every device samples the same', async () => {
  const [reference, ...others] = await testDevices();
  const photo = noise(40, 31);
  const tilted: Affine = [0.8, -0.6, 20.125, 0.6, 0.8, 3.25];
  for (const toPhoto of [
    tilted,
    invert(tilted),
    [3.1, 0.2, -8, -0.2, 3.1, 4],
    [0.25, 0, 3, 0, 0.25, 3],
  ] satisfies Affine[]) {
    const expected = await warp(reference, photo, toPhoto, 16);
    assert.ok(expected.some((value) => value > 0));
    for (const backend of others)
      assertClose(await warp(backend, photo, toPhoto, 16), expected, 1e-5, `${backend.name}, ${toPhoto}`);
  }
});

test('imageOf rounds to bytes and is opaque', () => {
  const image = imageOf([0, 0.4, 0.6, 254.4, 254.6, 300, -5, 7, 8, 1, 2, 3], 2, 2);
  assert.equal([image.width, image.height], [2, 2]);
  assert.equal([...image.data], [0, 0, 1, 255, 254, 255, 255, 255, 0, 7, 8, 255, 1, 2, 3, 255]);
});

test.run();
