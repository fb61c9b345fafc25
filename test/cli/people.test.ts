import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Box } from '../../src/face/boxes';
import { encodePng, type RawImage, readImage } from '../../src/face/image';
import { type Finished, likeness } from '../helpers/command';

interface FaceDocument {
  box: number[];
  score: number;
  landmarks: number[][];
}
interface EmbeddingDocument {
  embedding: number[];
  norm: number;
}
interface PhotoDocument<F> {
  file: string;
  width: number;
  height: number;
  faces: F[];
}
interface VerificationDocument {
  same: boolean;
  distance: number;
  cosine: number;
  threshold: number;
  probability: number;
  device: string;
}

const test = suite('the command on people');
const WASM = ['--device', 'wasm', '--threads', '1'];
const samples = join(dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json')), 'demo');
let folder = '';
/** One woman in two photos, another person, and a photo of nobody. */
let [woman, sameWoman, other, nobody] = ['', '', '', ''];

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'likeness-people-'));
  woman = await cutOut('sample1.jpg', [1250, 40, 640, 640], 'woman.png');
  sameWoman = await cutOut('sample3.jpg', [820, 80, 640, 640], 'same-woman.png');
  other = await cutOut('sample2.jpg', [1220, 20, 640, 640], 'other.png');
  nobody = await writePng({ width: 90, height: 60, data: new Uint8Array(90 * 60 * 4).fill(128) }, 'nobody.png');
});
test.after(() => rm(folder, { recursive: true }));

async function writePng(image: RawImage, name: string): Promise<string> {
  await writeFile(join(folder, name), await encodePng(image));
  return join(folder, name);
}

async function cutOut(photo: string, [left, top, columns, rows]: Box, name: string): Promise<string> {
  const { width, data } = await readImage(join(samples, photo));
  const cut = new Uint8Array(4 * columns * rows);
  for (let row = 0; row < rows; row++) {
    const from = 4 * ((top + row) * width + left);
    cut.set(data.subarray(from, from + 4 * columns), 4 * columns * row);
  }
  return writePng({ width: columns, height: rows, data: cut }, name);
}

const documentOf = <Document>({ stdout }: Finished): Document => JSON.parse(stdout);
const cosine = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0);

test('verify: 0 for one woman in two photos, 1 for two people', async () => {
  const [yes, no, strict] = await Promise.all([
    likeness(['verify', woman, sameWoman, '--json', ...WASM]),
    likeness(['verify', woman, other, '--json', ...WASM]),
    likeness(['verify', woman, sameWoman, '--threshold', '0.01', '--no-flip', ...WASM]),
  ]);
  assert.equal([yes.code, no.code, strict.code], [0, 1, 1], yes.stderr + no.stderr + strict.stderr);
  assert.equal([yes.stderr, no.stderr, strict.stderr], ['', '', '']);
  const [same, different] = [documentOf<VerificationDocument>(yes), documentOf<VerificationDocument>(no)];
  assert.equal([same.same, different.same, same.device], [true, false, 'wasm']);
  assert.ok(same.distance < same.threshold && different.distance > different.threshold);
  assert.ok(same.probability > 0.5 && different.probability < 0.5);
  assert.ok(Math.abs(same.distance ** 2 - (2 - 2 * same.cosine)) < 1e-5);
  assert.match(strict.stdout, '0.010');
});

test('the embedding of a chip is that of its photo; nobody in a photo is an answer and no error', async () => {
  const [chips, small] = [join(folder, 'chips'), join(folder, 'small')];
  const [aligned, arcface, embedded] = await Promise.all([
    likeness(['align', woman, other, '--out', chips, ...WASM]),
    likeness(['align', woman, nobody, '--out', small, '--template', 'arcface', '--json', ...WASM]),
    likeness(['embed', woman, nobody, '--json', ...WASM]),
  ]);
  assert.equal([aligned.code, arcface.code, embedded.code], [0, 0, 0], aligned.stderr + arcface.stderr);
  const [{ width }, { width: smallWidth }] = await Promise.all([
    readImage(join(chips, 'woman-1.png')),
    readImage(join(small, 'woman-1.png')),
  ]);
  assert.equal([width, smallWidth], [150, 112]);

  const [photo, empty] = documentOf<PhotoDocument<FaceDocument & EmbeddingDocument>[]>(embedded);
  assert.equal(Object.keys(photo).sort(), ['faces', 'file', 'height', 'width']);
  assert.equal(Object.keys(photo.faces[0]).sort(), [
    'box',
    'embedding',
    'landmarks',
    'norm',
    'points',
    'quality',
    'score',
  ]);
  assert.equal(empty, { file: nobody, width: 90, height: 60, faces: [] });
  const [left, top, boxWidth, boxHeight] = photo.faces[0].box;
  for (const [x, y] of photo.faces[0].landmarks) {
    assert.ok(x > left - boxWidth / 2 && x < left + 1.5 * boxWidth);
    assert.ok(y > top - boxHeight / 2 && y < top + 1.5 * boxHeight);
  }

  const run = await likeness([
    ...['embed', '--aligned', join(chips, 'woman-1.png'), join(chips, 'other-1.png'), '--json'],
    ...WASM,
  ]);
  assert.is(run.code, 0, run.stderr);
  const [chip, otherChip] = documentOf<{ file: string; faces: EmbeddingDocument[] }[]>(run);
  assert.equal(Object.keys(chip.faces[0]).sort(), ['embedding', 'norm']);
  // The chip's pixels were rounded to whole numbers.
  assert.ok(cosine(chip.faces[0].embedding, photo.faces[0].embedding) > 0.999);
  assert.ok(cosine(chip.faces[0].embedding, otherChip.faces[0].embedding) < 0.95);
});

test.run();
