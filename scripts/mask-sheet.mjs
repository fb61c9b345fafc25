// Draws masks on the sample photos of @vladmandic/face-api, and writes the pictures of docs/masks/:
//   node scripts/mask-sheet.mjs
// kinds.jpg: each kind twice a row; worn over nose and mouth, under the nose, under the chin. random.jpg: as training sees them.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import jpeg from '@jimp/js-jpeg';
import { build } from 'esbuild';
import { common } from './esbuild.mjs';

const SIDE = 176;
const COLUMNS = 8;
const outdir = `.cache/mask-sheet-${process.pid}`;
await build({ ...common('node'), entryPoints: { likeness: 'src/index.ts', random: 'src/tensor/random.ts' }, outdir });
const load = (name) => import(pathToFileURL(`${outdir}/${name}.js`).href);
const { drawMask, FacePipeline, MASK_KINDS, MASK_WEARINGS, randomMask, readImage } = await load('likeness');
const { stream } = await load('random');

const faces = [];
{
  const pipeline = await FacePipeline.open({ device: 'wasm', detector: 'ssd' });
  for (let k = 1; k <= 6; k++) {
    const photo = await readImage(`node_modules/@vladmandic/face-api/demo/sample${k}.jpg`);
    // From left to right, whatever their scores.
    const found = (await pipeline.detect(photo)).sort((a, b) => a.box[0] - b.box[0]);
    for (const { landmarks } of found) faces.push({ photo, landmarks });
  }
  await pipeline[Symbol.asyncDispose]();
}

/** The head, a mean of the pixels that each of the tile's comes from. */
function tileOf({ width, height, data }, landmarks) {
  const range = (axis) => [Math.min(...landmarks.map((p) => p[axis])), Math.max(...landmarks.map((p) => p[axis]))];
  const [[left, right], [top, bottom]] = [range(0), range(1)];
  const step = (1.75 * Math.max(right - left, bottom - top)) / SIDE;
  const [x, y] = [(left + right) / 2 - (step * SIDE) / 2, (top + bottom) / 2 - step * SIDE * 0.53];
  const looks = Math.max(1, Math.round(step));
  const tile = new Uint8ClampedArray(3 * SIDE * SIDE);
  for (let k = 0; k < tile.length; k++) {
    let sum = 0;
    for (let look = 0; look < looks * looks; look++) {
      const column = x + ((Math.floor(k / 3) % SIDE) + ((look % looks) + 0.5) / looks) * step;
      const row = y + (Math.floor(k / 3 / SIDE) + (Math.floor(look / looks) + 0.5) / looks) * step;
      const inside = (value, limit) => Math.max(0, Math.min(limit - 1, Math.floor(value)));
      sum += data[4 * (inside(row, height) * width + inside(column, width)) + (k % 3)];
    }
    tile[k] = sum / looks ** 2;
  }
  return tile;
}

function write(path, tiles) {
  const width = COLUMNS * SIDE;
  const height = Math.ceil(tiles.length / COLUMNS) * SIDE;
  const data = Buffer.alloc(4 * width * height, 255);
  for (const [index, tile] of tiles.entries())
    for (let k = 0; k < SIDE * SIDE; k++) {
      const row = Math.floor(index / COLUMNS) * SIDE + Math.floor(k / SIDE);
      data.set(tile.subarray(3 * k, 3 * k + 3), 4 * (row * width + (index % COLUMNS) * SIDE + (k % SIDE)));
    }
  const bytes = jpeg().encode({ width, height, data }, { quality: 84 });
  writeFileSync(path, bytes);
  console.log(`${path}: ${tiles.length} faces, ${Math.round(bytes.length / 1000)} kB`);
}

const tile = (index, style) => {
  const { photo, landmarks } = faces[index % faces.length];
  return tileOf(drawMask(photo, landmarks, style), landmarks);
};
mkdirSync('docs/masks', { recursive: true });
write(
  'docs/masks/kinds.jpg',
  MASK_WEARINGS.flatMap((wearing, row) =>
    Array.from({ length: COLUMNS }, (_, k) =>
      tile(COLUMNS * row + k, randomMask(stream(1, row, k), { kind: MASK_KINDS[k % 4], wearing })),
    ),
  ),
);
write(
  'docs/masks/random.jpg',
  faces.map((_, k) => tile(k, randomMask(stream(2, k)))),
);
rmSync(outdir, { recursive: true });
