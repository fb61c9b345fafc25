import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type RawImage, readImage } from '../../src/face/image';
import { likeness } from '../helpers/command';
import { cropAround, halved, jpegOf, plain, SAMPLE_FACES, samplePhoto } from '../helpers/photos';

const test = suite('masks from the command line');
const WASM = ['--device', 'wasm', '--threads', '1', '--no-progress'];

let folder = '';
const path = (...names: string[]) => join(folder, ...names);
let face: RawImage = plain(1, 1);
let crowd: RawImage = plain(1, 1);

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'likeness-mask-'));
  const photo = halved(await samplePhoto('sample3.jpg'));
  const [x, y, width, height] = SAMPLE_FACES['sample3.jpg'][1].map((length) => length / 2);
  await writeFile(path('face.jpg'), await jpegOf(cropAround(photo, [x, y, width, height])));
  await copyFile(path('face.jpg'), path('copy.jpg'));
  await writeFile(path('crowd.jpg'), await jpegOf(photo));
  await writeFile(path('nobody.jpg'), await jpegOf(plain(96, 96)));
  [face, crowd] = [await readImage(path('face.jpg')), await readImage(path('crowd.jpg'))];
});
test.after(() => rm(folder, { recursive: true }));

interface Masked {
  file: string;
  error?: string;
  masked?: string;
  faces?: {
    landmarks: [number, number][];
    mask: { kind: string; wearing: string; pattern: string; colour: number[] };
  }[];
}

const mask = (...more: string[]) => likeness(['mask', ...more, ...WASM]);
const colourAt = ({ data, width }: RawImage, [x, y]: [number, number]) => {
  const at = 4 * (Math.round(y) * width + Math.round(x));
  return [...data.slice(at, at + 3)];
};

test('a mask of the kind and colour that is asked for, on every face; the same again with the same seed', async () => {
  const asked = ['--kind', 'kn95', '--color', '#102060'];
  const one = await mask(path('face.jpg'), path('copy.jpg'), ...asked, '--json', '--out', path('one'));
  const other = await mask(path('face.jpg'), path('crowd.jpg'), ...asked, '--seed', '2', '--out', path('other'));
  for (const run of [one, other]) assert.is(run.code, 0, run.stderr);
  const [{ faces = [], masked }]: Masked[] = JSON.parse(one.stdout);
  assert.is(masked, path('one', 'face-masked.png'));
  assert.is(faces.length, 1);
  const [{ landmarks, mask: style }] = faces;
  assert.equal([style.kind, style.wearing], ['kn95', 'full']);
  const picture = await readImage(path('one', 'face-masked.png'));
  assert.equal([picture.width, picture.height], [face.width, face.height]);
  const [red, green, blue] = colourAt(picture, landmarks[57]);
  assert.ok(blue > red && blue > green && red < 90, `the mouth is covered: ${red}, ${green}, ${blue}`);
  assert.equal(colourAt(picture, landmarks[37]), colourAt(face, landmarks[37]), 'the eye is free');
  const bytes = await readFile(path('one', 'face-masked.png'));
  assert.equal(await readFile(path('one', 'copy-masked.png')), bytes, 'it is the content that counts, and no name');
  assert.not.equal(await readFile(path('other', 'face-masked.png')), bytes);
  assert.match(other.stdout, /Mask[\s\S]+Worn[\s\S]+Pattern[\s\S]+kn95[\s\S]+Written: .*crowd-masked\.png/);
  const after = await readImage(path('other', 'crowd-masked.png'));
  for (const [x, y, width, height] of SAMPLE_FACES['sample3.jpg']) {
    const chin: [number, number] = [(x + width / 2) / 2, (y + 0.85 * height) / 2];
    const moved = colourAt(after, chin).reduce((sum, value, k) => sum + Math.abs(value - colourAt(crowd, chin)[k]), 0);
    assert.ok(moved > 20, `a mask at ${chin}: ${moved}`);
  }
});

test('nobody on a photo is an answer, a file that cannot be read is told, and the others are still done', async () => {
  const files = [path('nobody.jpg'), path('gone.jpg'), path('face.jpg')];
  const run = await mask(...files, '--out', path('three'), '--json');
  assert.is(run.code, 2);
  assert.is(
    run.stderr,
    `likeness: ${files[0]} shows no face that can be found\nlikeness: ${files[1]} does not exist\n`,
  );
  const [nobody, gone, found]: Masked[] = JSON.parse(run.stdout);
  assert.equal([nobody.faces, nobody.masked], [[], undefined]);
  assert.is(gone.error, `${files[1]} does not exist`);
  assert.is(found.masked, path('three', 'face-masked.png'));
  assert.equal(await readdir(path('three')), ['face-masked.png']);
});

test('what is no mask is refused in one sentence', async () => {
  const photo = path('face.jpg');
  const out = ['--out', path('refused.png')];
  const refusals: [RegExp, string[]][] = [
    [/required option '--out <path>' not specified/, [photo]],
    [/missing required argument 'photo'/, out],
    [/'balaclava' is invalid.*surgical, cloth, kn95, n95, random/, [photo, '--kind', 'balaclava', ...out]],
    [/'eyes' is invalid.*full, nose, chin, random/, [photo, '--wearing', 'eyes', ...out]],
    [/'mauve' is invalid.*one of white, blue, .*black, or like #3a7bd5/, [photo, '--color', 'mauve', ...out]],
    [/'#12345g' is invalid/, [photo, '--color', '#12345g', ...out]],
    [/'toString' is invalid/, [photo, '--color', 'toString', ...out]],
    [/'paisley' is invalid.*plain, stripes/, [photo, '--pattern', 'paisley', ...out]],
    [/whole number from 0 to/, [photo, '--seed', '-1', ...out]],
    [/one file, but there are 2 photos/, [photo, path('crowd.jpg'), ...out]],
  ];
  const runs = await Promise.all(refusals.map(([, args]) => mask(...args)));
  for (const [index, { code, stderr }] of runs.entries()) {
    assert.is(code, 2, stderr);
    assert.match(stderr, refusals[index][0]);
    assert.match(stderr, /^likeness: [^\n]+\n$/);
  }
});

test.run();
