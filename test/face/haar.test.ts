import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openDetector } from '../../src/face/detect';
import { groupWindows, HaarDetector, integralImages } from '../../src/face/haar';
import { parseCascade } from '../../src/face/haar-cascade';
import type { RawImage } from '../../src/face/image';
import { openReference } from '../../src/kernels/reference/backend';
import { random } from '../../src/tensor/random';
import { newCascade, OLD_CASCADE } from '../helpers/cascades';

const test = suite('Haar cascade');

const painted = (width: number, height: number, grey: (x: number, y: number) => number): RawImage => {
  const data = new Uint8Array(4 * width * height).fill(255);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) data.fill(grey(x, y), 4 * (y * width + x), 4 * (y * width + x) + 3);
  return { width, height, data };
};

/** Light above dark, a square of 10 pixels at (40, 21) before noise. */
const noise = random(2);
const SQUARE = painted(120, 80, (x, y) => {
  if (x < 40 || x >= 50 || y < 21 || y >= 31) return noise.below(251);
  return y < 26 ? 200 : 50;
});

/** The pattern is so plain that few windows see it. */
const AT_ALL = { minimumScore: 0.2 };

test('integral images: four look-ups are the sum over a rectangle', () => {
  const generator = random(1);
  const image = painted(13, 7, () => generator.below(256));
  const { sums, squares, stride } = integralImages(image);
  for (const [left, top, right, bottom] of [
    [0, 0, 13, 7],
    [2, 1, 9, 6],
    [12, 6, 13, 7],
    [5, 3, 5, 6],
  ]) {
    let [sum, square] = [0, 0];
    for (let y = top; y < bottom; y++)
      for (let x = left; x < right; x++) {
        sum += image.data[4 * (13 * y + x)];
        square += image.data[4 * (13 * y + x)] ** 2;
      }
    const over = (table: ArrayLike<number>) =>
      table[bottom * stride + right] -
      table[top * stride + right] -
      table[bottom * stride + left] +
      table[top * stride + left];
    assert.is(over(sums), sum);
    assert.is(over(squares), square);
  }
});

test('windows that differ by a little are one face, others are their own', () => {
  const groups = groupWindows([
    [10, 10, 20, 20],
    [12, 10, 20, 20],
    [14, 11, 22, 22], // near the second, and so of the same face as the first
    [60, 60, 20, 20],
    [10, 10, 40, 40], // the same corner, another size
  ]);
  assert.equal(
    groups.map(({ count }) => count),
    [3, 1, 1],
  );
  assert.equal(groups[0].box, [12, 31 / 3, 62 / 3, 62 / 3]);
});

for (const [format, xml] of [
  ['new', newCascade()],
  ['old', OLD_CASCADE],
])
  test(`${format} format: what the cascade describes is found at its place and size, and nothing else`, async () => {
    const detector = new HaarDetector(await parseCascade(xml));
    const found = await detector.detect(SQUARE, AT_ALL);
    assert.is(found.length, 1);
    const [{ box, score }] = found;
    const [x, y, width, height] = box;
    assert.ok(score >= 0.25 && score < 1, `score ${score}`);
    assert.ok(Math.abs(x + width / 2 - 45) < 2 && Math.abs(y + height / 2 - 26) < 2, `at ${box}`);
    assert.ok(width > 6 && width < 10, `${width} wide`);
    // Light below dark has the opposite sign; a surface without contrast has none.
    assert.equal(await detector.detect(painted(120, 80, (px, py) => 250 - SQUARE.data[4 * (120 * py + px)])), []);
    assert.equal(await detector.detect(painted(120, 80, () => 90)), []);
    assert.equal(await detector.detect(painted(5, 5, () => 90)), [], 'smaller than the window');
  });

test('contrast and brightness do not matter: features are divided by the deviation', async () => {
  const detector = new HaarDetector(await parseCascade(newCascade()));
  const dim = painted(120, 80, (x, y) => 20 + Math.round(SQUARE.data[4 * (120 * y + x)] / 5));
  assert.is((await detector.detect(dim, AT_ALL)).length, 1);
});

test('a score is the number of windows that agree: a higher minimum leaves fewer', async () => {
  const detector = new HaarDetector(await parseCascade(newCascade()));
  const [{ score }] = await detector.detect(SQUARE, { minimumScore: 0 });
  assert.is((await detector.detect(SQUARE, { minimumScore: score })).length, 1);
  assert.is((await detector.detect(SQUARE, { minimumScore: score + 0.01 })).length, 0);
  const stop = new AbortController();
  stop.abort(new Error('enough'));
  try {
    await detector.detect(SQUARE, { signal: stop.signal });
    assert.unreachable('it went on');
  } catch (error) {
    assert.match(String(error), /enough/);
  }
});

test('the detector haar without a cascade, or with one that is not there, says so', async () => {
  const backend = openReference();
  for (const [cascade, message] of [
    [undefined, /the detector haar needs a cascade file of OpenCV/],
    ['/nowhere/face.xml', /^\/nowhere\/face\.xml does not exist$/],
  ] as const)
    try {
      await openDetector(backend, 'haar', { cascade });
      assert.unreachable('it was opened');
    } catch (error) {
      assert.match(error instanceof Error ? error.message : '', message);
    }
  const bytes = new TextEncoder().encode(newCascade());
  assert.is((await (await openDetector(backend, 'haar', { cascade: bytes })).detect(SQUARE, AT_ALL)).length, 1);
});

test.run();
