import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Jimp } from 'jimp';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodePng, ImageError, type ImageSource, type RawImage, readImage } from '../../src/face/image';
import { runInBrowser } from '../helpers/browser';
import { animatedGif, flatJpeg, handmadePng, webpHeader, withOrientation } from '../helpers/image-files';

const test = suite('reading images');
let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'likeness-image-'));
});
test.after(() => rm(folder, { recursive: true }));

async function fileOf(name: string, bytes: Uint8Array | string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

/** The sentence that a source is refused with; it must name the source and be one line. */
async function refusal(source: ImageSource, name: string): Promise<string> {
  try {
    await readImage(source);
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    const { message } = error;
    assert.ok(message.startsWith(name), message);
    assert.not.match(message, '\n');
    return message.slice(name.length);
  }
  throw new Error(`${name} was not refused`);
}

const pixel = ({ data, width }: RawImage, x: number, y: number) => [
  ...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 4),
];

/** Sixteen grey levels in squares of eight pixels; JPEG keeps such squares exactly enough. */
const LEVELS = [
  [0, 60, 120],
  [180, 240, 30],
];

function checkerboard(levels: number[][]): RawImage {
  const [height, width] = [8 * levels.length, 8 * levels[0].length];
  const data = new Uint8Array(4 * width * height).fill(255);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) data.fill(levels[y >> 3][x >> 3], 4 * (y * width + x), 4 * (y * width + x) + 3);
  return { width, height, data };
}

const levelsOf = (image: RawImage) =>
  Array.from({ length: image.height >> 3 }, (_, row) =>
    Array.from({ length: image.width >> 3 }, (_, column) => pixel(image, 8 * column + 4, 8 * row + 4)[0]),
  );

function assertLevels(image: RawImage, expected: number[][], message: string) {
  const levels = levelsOf(image);
  assert.equal([levels.length, levels[0].length], [expected.length, expected[0].length], message);
  for (const [y, row] of expected.entries())
    for (const [x, level] of row.entries())
      assert.ok(Math.abs(levels[y][x] - level) <= 3, `${message}: ${JSON.stringify(levels)}`);
}

async function jpegOf(levels: number[][]): Promise<Uint8Array> {
  const image = checkerboard(levels);
  return new Jimp({ ...image, data: Buffer.from(image.data) }).getBuffer('image/jpeg', { quality: 100 });
}

test('every source gives the same pixels', async () => {
  const jpeg = await jpegOf(LEVELS);
  const path = await fileOf('levels.jpg', jpeg);
  const expected = await readImage(path);
  assertLevels(expected, LEVELS, 'path');
  const bytes = Uint8Array.from(jpeg);
  for (const source of [pathToFileURL(path), bytes, bytes.buffer, new Blob([bytes]), expected])
    assert.equal({ ...(await readImage(source)), name: path }, expected);
  assert.equal([...bytes], [...jpeg], 'the bytes stay the caller’s');
});

test('a view of a larger buffer is read as the view', async () => {
  const jpeg = await jpegOf(LEVELS);
  const padded = new Uint8Array(jpeg.length + 1000);
  padded.set(jpeg, 501);
  assertLevels(await readImage(padded.subarray(501, 501 + jpeg.length)), LEVELS, 'view');
});

/** What is stored for each orientation so that it stands upright as LEVELS: by EXIF's own words. */
const STORED: [number, string, number[][]][] = [
  [1, 'row 0 is the top, column 0 the left', LEVELS],
  [2, 'top, right', LEVELS.map((row) => row.toReversed())],
  [3, 'bottom, right', LEVELS.toReversed().map((row) => row.toReversed())],
  [4, 'bottom, left', LEVELS.toReversed()],
  [5, 'row 0 is the left, column 0 the top', transposed(LEVELS)],
  [6, 'right, top', transposed(LEVELS.map((row) => row.toReversed()))],
  [7, 'right, bottom', transposed(LEVELS.toReversed().map((row) => row.toReversed()))],
  [8, 'left, bottom', transposed(LEVELS.toReversed())],
];

function transposed(rows: number[][]): number[][] {
  return rows[0].map((_, column) => rows.map((row) => row[column]));
}

for (const [orientation, words, stored] of STORED)
  test(`EXIF orientation ${orientation} (${words}) comes out upright`, async () => {
    const jpeg = await jpegOf(stored);
    for (const layout of [{}, { littleEndian: true }, { directory: 20 }])
      assertLevels(
        await readImage(withOrientation(jpeg, orientation, layout)),
        LEVELS,
        `${orientation} ${JSON.stringify(layout)}`,
      );
  });

test('an orientation that makes no sense is none', async () => {
  const jpeg = await jpegOf(LEVELS);
  for (const orientation of [0, 9, 255]) assertLevels(await readImage(withOrientation(jpeg, orientation)), LEVELS, '');
  assertLevels(await readImage(withOrientation(jpeg, 6, { directory: 4000 }).slice()), transposedTurn(LEVELS), 'far');
  // A directory outside of its segment is damaged metadata, and no more.
  const broken = withOrientation(jpeg, 6);
  broken.set([0xff, 0xff, 0xff, 0x00], 16);
  assertLevels(await readImage(broken), LEVELS, 'broken');
});

/** LEVELS stored as they are, but with orientation 6: turned right by a quarter. */
function transposedTurn(rows: number[][]) {
  return transposed(rows.toReversed());
}

test('greyscale and CMYK JPEGs', async () => {
  assert.equal(pixel(await readImage(flatJpeg([200])), 3, 3), [200, 200, 200, 255]);
  // Without black, and Adobe's way round: 255 is no ink.
  assert.equal(pixel(await readImage(flatJpeg([255, 128, 0, 255])), 3, 3), [255, 128, 0, 255]);
  assert.equal(pixel(await readImage(flatJpeg([255, 255, 255, 64])), 3, 3), [64, 64, 64, 255]);
});

test('PNGs of 1, 8 and 16 bits, grey and with a transparent part, which is laid on white', async () => {
  assert.equal(pixel(await readImage(handmadePng(2, 1, 1, 0, [[0b01000000]])), 1, 0), [255, 255, 255, 255]);
  const deep = await readImage(handmadePng(1, 1, 16, 2, [[0x12, 0x80, 0x80, 0x00, 0xff, 0xff]]));
  assert.ok(pixel(deep, 0, 0).every((value, i) => Math.abs(value - [0x12, 0x80, 0xff, 0xff][i]) <= 1));
  const clear = await readImage(handmadePng(2, 1, 8, 6, [[255, 0, 0, 0, 0, 0, 255, 128]]));
  assert.equal([...clear.data], [255, 255, 255, 255, 127, 127, 255, 255]);
});

test('of an animation the first frame', async () => {
  assert.equal([...(await readImage(animatedGif())).data], [255, 0, 0, 255]);
});

test('BMP and TIFF', async () => {
  const image = checkerboard(LEVELS);
  for (const type of ['image/bmp', 'image/tiff'] as const) {
    const picture = new Jimp({ ...image, data: Buffer.from(image.data) });
    assertLevels(await readImage(await picture.getBuffer(type)), LEVELS, type);
  }
});

test('PNG there and back, bit for bit', async () => {
  const image = { width: 3, height: 2, data: Uint8Array.from({ length: 24 }, (_, i) => (i % 4 === 3 ? 255 : 10 * i)) };
  assert.equal((await readImage(await encodePng(image))).data, image.data);
  assert.is(image.data.length, 24, 'the pixels stay the caller’s');
});

test('files that are no pictures', async () => {
  const missing = join(folder, 'missing.jpg');
  assert.match(await refusal(missing, missing), 'does not exist');
  assert.match(await refusal(folder, folder), 'is a folder');
  const empty = await fileOf('empty.jpg', '');
  assert.match(await refusal(empty, empty), 'is empty');
  const text = await fileOf('notes.jpg', 'Buy milk, and a frame for the photo.\n');
  assert.match(await refusal(text, text), 'is not a picture');
  assert.match(await refusal(new Uint8Array([1, 2, 3]), 'the picture given as bytes'), 'is not a picture');
  assert.match(await refusal(webpHeader(640, 480), 'the picture given as bytes'), 'is of type WEBP');
});

test('pictures that are cut short, anywhere', async () => {
  const jpeg = await jpegOf(LEVELS);
  const png = await encodePng(checkerboard(LEVELS));
  for (const file of [jpeg, png])
    for (const kept of [4, 12, 30, 0.3 * file.length, 0.8 * file.length, file.length - 20]) {
      const path = await fileOf(`cut-${kept}`, file.subarray(0, kept));
      assert.match(await refusal(path, path), /damaged or cut short|not a picture/, `${kept}`);
    }
});

test('pictures too large to decode are refused by their header', async () => {
  for (const [width, height] of [
    [30000, 30000],
    [30001, 1],
    [1, 4_000_000_000],
    [20000, 6000],
  ])
    assert.match(
      await refusal(handmadePng(width, height, 8, 2, []), 'the picture given as bytes'),
      `has ${width}x${height} pixels`,
    );
});

test('one pixel is a picture', async () => {
  const { width, height, data } = await readImage(handmadePng(1, 1, 8, 2, [[9, 8, 7]]));
  assert.equal([width, height, ...data], [1, 1, 9, 8, 7, 255]);
});

test('raw pictures are checked', async () => {
  const raw = 'the raw picture';
  assert.match(await refusal({ width: 2, height: 2, data: new Uint8Array(12) }, raw), '12 bytes');
  assert.match(await refusal({ width: 0, height: 2, data: new Uint8Array(0) }, raw), 'size 0x2');
  assert.match(await refusal({ width: 1.5, height: 2, data: new Uint8Array(12) }, raw), 'size 1.5x2');
});

test('many pictures at once', async () => {
  const jpeg = await jpegOf(LEVELS);
  const images = await Promise.all(
    [jpeg, handmadePng(1, 1, 8, 0, [[5]]), jpeg.subarray(0, 100), jpeg].map((file) =>
      readImage(file).catch(() => null),
    ),
  );
  assert.equal(
    images.map((image) => image?.width),
    [24, 1, undefined, 24],
  );
});

test('a browser reads the same: upright, on white, refused with a sentence', async () => {
  const upright = await Promise.all(
    STORED.map(async ([orientation, , stored]) => withOrientation(await jpegOf(stored), orientation)),
  );
  const clear = handmadePng(2, 1, 8, 6, [[255, 0, 0, 0, 0, 0, 255, 255]]);
  const refused: [Uint8Array, RegExp][] = [
    [upright[0].subarray(0, 200), /the picture given as a blob is damaged or cut short/],
    [Uint8Array.from(Buffer.from('Not a photo, but long enough.')), /is not a picture/],
    [handmadePng(30000, 30000, 8, 2, []), /30000x30000/],
  ];
  const files = [...upright, clear, ...refused.map(([file]) => file)].map((file) => [...file]);
  const results = await runInBrowser<typeof import('../pages/images')>('test/pages/images.ts', {
    argument: { files },
  });
  if (!results) return;
  const images = results.map((result) => ({ ...result, data: Uint8Array.from(result.data) }));
  for (const [index, [orientation]] of STORED.entries()) assertLevels(images[index], LEVELS, `${orientation}`);
  assert.equal(results[8].data, [255, 255, 255, 255, 0, 0, 255, 255]);
  for (const [index, [, sentence]] of refused.entries()) assert.match(results[9 + index].refusal ?? '', sentence);
});

test.run();
